package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// serve answers on all addresses until it is asked to stop.
func serve(ctx context.Context, tcp, udp []string) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := http.Server{Handler: http.HandlerFunc(answer), Protocols: &protocols, ReadHeaderTimeout: time.Minute}
	failed := make(chan error, len(tcp))
	for _, address := range tcp {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "standin: listening on", address)
		go func() { failed <- server.Serve(listener) }()
	}
	for _, address := range udp {
		conn, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "standin: listening on udp", address)
		go echo(conn)
	}
	select {
	case <-ctx.Done():
		return server.Close()
	case err := <-failed:
		return err
	}
}

func echo(conn net.PacketConn) {
	packet := make([]byte, 2048)
	for {
		size, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		_, _ = conn.WriteTo(packet[:size], from)
	}
}

func answer(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		serving(w)
	case r.URL.Path == "/":
		report(w)
	default:
		_, _ = io.WriteString(w, "ok\n")
	}
}

// serving answers the gRPC health service: one message of two bytes, which says
// that field 1, the status, is 1, SERVING.
func serving(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	_, _ = w.Write([]byte{0, 0, 0, 0, 2, 0x08, 0x01})
	w.Header().Set("Grpc-Status", "0")
}

// report says whether a connection can be made to each need: the environment
// names its host and port.
func report(w http.ResponseWriter) {
	needs := map[string]string{}
	var mutex sync.Mutex
	var all sync.WaitGroup
	ok := true
	for _, variable := range os.Environ() {
		name, host, _ := strings.Cut(variable, "=")
		need, isHost := strings.CutSuffix(name, "_HOST")
		port := os.Getenv(need + "_PORT")
		// The cluster's own address is in every pod.
		if !isHost || port == "" || need == "KUBERNETES_SERVICE" {
			continue
		}
		all.Go(func() {
			said := "ok"
			if err := dial(net.JoinHostPort(host, port)); err != nil {
				said = err.Error()
			}
			mutex.Lock()
			defer mutex.Unlock()
			needs[strings.ToLower(need)] = said
			ok = ok && said == "ok"
		})
	}
	all.Wait()
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusBadGateway)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": ok, "needs": needs})
}
