//go:build wasip1

// Command engine is kcc's evaluator as a WebAssembly reactor. PROTOCOL.md
// documents its exports. The program under cmd runs the same code natively.
package main

import (
	"runtime"
	"runtime/debug"
	"unsafe"

	"kcc.dev/evaluator/serve"
	"kcc.dev/evaluator/wire"
)

// memoryLimit is where the garbage collector starts to work. An instance answers
// a few requests and is discarded, so collecting earlier would only cost time.
const memoryLimit = 512 << 20

// request and response keep the buffers alive while the host reads or writes
// them.
var request, response []byte

func init() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
}

func main() {}

//go:wasmexport kcc_protocol
func protocol() int32 {
	return wire.Version
}

// warm prepares the instance before the snapshot is taken.
//
//go:wasmexport kcc_init
func warm() {
	serve.Warm()
	runtime.GC()
}

//go:wasmexport kcc_alloc
func alloc(size int32) int32 {
	request = make([]byte, max(size, 1))
	return address(request)
}

//go:wasmexport kcc_run
func run(ptr, length int32) int64 {
	if len(request) < int(length) || address(request) != ptr {
		response = serve.Run(nil)
	} else {
		response = serve.Run(request[:length])
	}
	return int64(uint64(uint32(address(response)))<<32 | uint64(uint32(len(response))))
}

// address returns the address of a buffer in linear memory, which has 32 bits.
func address(buffer []byte) int32 {
	return int32(uintptr(unsafe.Pointer(unsafe.SliceData(buffer))))
}
