//! Small modules with the evaluator's exports that misbehave in one way each.
//!
//! The host has no compiler, so its tests get these compiled beside the evaluator.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, InstructionSink, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

/// The address of the modules' answers.
const ANSWER: i32 = 1024;

/// Returns the name and the bytes of every fixture.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("answers.cwasm", Fixture::default().finish()),
        ("speaks-99.cwasm", Fixture { protocol: 99, ..Fixture::default() }.finish()),
        ("loops.cwasm", Fixture { run: endless, ..Fixture::default() }.finish()),
        ("grows.cwasm", Fixture { run: exploding, ..Fixture::default() }.finish()),
        ("recurses.cwasm", Fixture { run: bottomless, ..Fixture::default() }.finish()),
        ("traps.cwasm", Fixture { run: broken, ..Fixture::default() }.finish()),
        ("lies.cwasm", Fixture { run: outside, ..Fixture::default() }.finish()),
        (
            "exits.cwasm",
            Fixture {
                imports: &[
                    ("wasi_snapshot_preview1", "fd_write", &[ValType::I32; 4], true),
                    ("wasi_snapshot_preview1", "proc_exit", &[ValType::I32; 1], false),
                ],
                run: exiting,
                ..Fixture::default()
            }
            .finish(),
        ),
        (
            "asks.cwasm",
            Fixture { imports: &DENIED, run: asking, ..Fixture::default() }.finish(),
        ),
        (
            "wants-more.cwasm",
            Fixture { imports: &[("env", "system", &[ValType::I32], true)], ..Fixture::default() }
                .finish(),
        ),
    ]
}

type Import = (&'static str, &'static str, &'static [ValType], bool);

/// Requests for files, directories, sockets, standard output, the environment and random numbers.
const DENIED: [Import; 6] = [
    (
        "wasi_snapshot_preview1",
        "path_open",
        &[
            ValType::I32,
            ValType::I32,
            ValType::I32,
            ValType::I32,
            ValType::I32,
            ValType::I64,
            ValType::I64,
            ValType::I32,
            ValType::I32,
        ],
        true,
    ),
    ("wasi_snapshot_preview1", "fd_prestat_get", &[ValType::I32; 2], true),
    ("wasi_snapshot_preview1", "sock_accept", &[ValType::I32; 3], true),
    ("wasi_snapshot_preview1", "fd_write", &[ValType::I32; 4], true),
    ("wasi_snapshot_preview1", "environ_sizes_get", &[ValType::I32; 2], true),
    ("wasi_snapshot_preview1", "random_get", &[ValType::I32; 2], true),
];

struct Fixture {
    protocol: i32,
    imports: &'static [Import],
    run: fn(&mut Function, u32),
}

impl Default for Fixture {
    fn default() -> Self {
        Self { protocol: 1, imports: &[], run: answering }
    }
}

impl Fixture {
    fn finish(&self) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], [ValType::I32]);
        types.ty().function([ValType::I32], [ValType::I32]);
        types.ty().function([ValType::I32; 2], [ValType::I64]);
        let mut imports = ImportSection::new();
        for (index, (module, name, params, answers)) in (3..).zip(self.imports) {
            let results: &[ValType] = if *answers { &[ValType::I32] } else { &[] };
            types.ty().function(params.iter().copied(), results.iter().copied());
            imports.import(module, name, EntityType::Function(index));
        }
        let first = u32::try_from(self.imports.len()).expect("a handful of imports");

        let mut functions = FunctionSection::new();
        functions.function(0).function(1).function(2);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut exports = ExportSection::new();
        exports
            .export("memory", ExportKind::Memory, 0)
            .export("kcc_protocol", ExportKind::Func, first)
            .export("kcc_alloc", ExportKind::Func, first + 1)
            .export("kcc_run", ExportKind::Func, first + 2);

        let mut code = CodeSection::new();
        let mut protocol = Function::new([]);
        protocol.instructions().i32_const(self.protocol).end();
        let mut alloc = Function::new([]);
        alloc.instructions().i32_const(4096).end();
        let mut run = Function::new([(1, ValType::I32)]);
        (self.run)(&mut run, first + 2);
        run.instructions().end();
        code.function(&protocol).function(&alloc).function(&run);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(ANSWER), *b"{\"version\":1,\"errors\":[]}");
        // An address and a length for `fd_write`, and the text they refer to.
        data.active(0, &ConstExpr::i32_const(8), [16, 0, 0, 0, 9, 0, 0, 0]);
        data.active(0, &ConstExpr::i32_const(16), *b"panic: no");

        let mut module = Module::new();
        module.section(&types);
        if first > 0 {
            module.section(&imports);
        }
        module
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code)
            .section(&data);
        module.finish()
    }
}

/// Returns the address in the high half and the length in the low half.
fn reply(code: &mut InstructionSink<'_>, at: i32, size: i32) {
    code.i64_const(i64::from(at) << 32 | i64::from(size));
}

fn answering(function: &mut Function, _own: u32) {
    reply(&mut function.instructions(), ANSWER, 25);
}

/// Returns a length that exceeds the memory.
fn outside(function: &mut Function, _own: u32) {
    reply(&mut function.instructions(), ANSWER, i32::MAX);
}

fn endless(function: &mut Function, _own: u32) {
    use wasm_encoder::BlockType::Empty;
    function.instructions().loop_(Empty).br(0).end().unreachable();
}

fn exploding(function: &mut Function, _own: u32) {
    use wasm_encoder::BlockType::Empty;
    let mut code = function.instructions();
    code.loop_(Empty).i32_const(16).memory_grow(0).drop().br(0).end().unreachable();
}

fn bottomless(function: &mut Function, own: u32) {
    function.instructions().local_get(0).local_get(1).call(own).i64_const(1).i64_add();
}

fn broken(function: &mut Function, _own: u32) {
    function.instructions().unreachable();
}

/// Does what Go does after a panic: writes to standard error and exits.
fn exiting(function: &mut Function, _own: u32) {
    let mut code = function.instructions();
    code.i32_const(2).i32_const(8).i32_const(1).i32_const(64).call(0).drop();
    code.i32_const(2).call(1).unreachable();
}

/// Calls every import with zeros and answers with the results as letters, one byte each.
fn asking(function: &mut Function, _own: u32) {
    let mut code = function.instructions();
    for (index, (_, _, params, _)) in (0..).zip(&DENIED) {
        for param in *params {
            match param {
                ValType::I64 => code.i64_const(0),
                _ => code.i32_const(0),
            };
        }
        code.call(index).local_set(2);
        code.i32_const(2048 + i32::try_from(index).expect("a handful of imports"));
        code.local_get(2).i32_const(32).i32_add();
        code.i32_store8(wasm_encoder::MemArg { offset: 0, align: 0, memory_index: 0 });
    }
    reply(&mut code, 2048, 6);
}
