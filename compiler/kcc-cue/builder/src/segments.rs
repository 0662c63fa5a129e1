//! Joins adjacent data segments.
//!
//! Go's linker splits a program's data into as many segments as a module may have, so a snapshot,
//! which adds its own, would be rejected. Zeros between two segments are cheaper than a segment
//! header.

use anyhow::{Context, Result, bail, ensure};
use wasm_encoder::{ConstExpr, DataCountSection, DataSection, Module, RawSection};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// Segments with fewer zeros between them are joined.
const GAP: usize = 256;

/// Returns the same module with few data segments.
pub fn join(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut module = Module::new();
    let mut segments: Vec<(usize, Vec<u8>)> = Vec::new();
    // The count precedes the code, the data follows it.
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::DataSection(reader) = payload? {
            let mut pieces = Vec::new();
            for data in reader {
                let data = data?;
                let DataKind::Active { memory_index: 0, offset_expr } = data.kind else {
                    bail!("a data segment does not belong to the first memory");
                };
                let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
                else {
                    bail!("a data segment has no constant address");
                };
                pieces.push((value.cast_unsigned() as usize, data.data));
            }
            segments = joined(pieces)?;
        }
    }
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::DataCountSection { .. } => {
                let count = u32::try_from(segments.len())?;
                module.section(&DataCountSection { count });
            }
            Payload::DataSection(_) => {
                let mut section = DataSection::new();
                for (at, bytes) in &segments {
                    let at = u32::try_from(*at)?.cast_signed();
                    section.active(0, &ConstExpr::i32_const(at), bytes.iter().copied());
                }
                module.section(&section);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let data = wasm.get(range).context("a section is outside the module")?;
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(module.finish())
}

fn joined(mut pieces: Vec<(usize, &[u8])>) -> Result<Vec<(usize, Vec<u8>)>> {
    pieces.sort_by_key(|(at, _)| *at);
    let mut all: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, bytes) in pieces {
        if let Some((start, last)) = all.last_mut() {
            let end = *start + last.len();
            ensure!(at >= end, "two data segments overlap at address {at}");
            if at - end < GAP {
                last.resize(at - *start, 0);
                last.extend_from_slice(bytes);
                continue;
            }
        }
        all.push((at, bytes.to_vec()));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_adjacent_segments_only() {
        let pieces: Vec<(usize, &[u8])> = vec![(2_000, b"z"), (10, b"ab"), (14, b"cd")];
        let all = joined(pieces).unwrap();
        assert_eq!(all, [(10, b"ab\0\0cd".to_vec()), (2_000, b"z".to_vec())]);
    }

    #[test]
    fn rejects_overlapping_segments() {
        assert!(joined(vec![(10, b"abc".as_slice()), (12, b"d")]).is_err());
    }
}
