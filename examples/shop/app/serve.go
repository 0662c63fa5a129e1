package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The limit of each call, short enough for a chain of services to end before
// its caller gives up.
const patience = 3 * time.Second

// report describes a service and what it needs.
type report struct {
	Host     string `json:"host"`
	Greeting string `json:"greeting,omitempty"`
	OK       bool   `json:"ok"`
	Calls    []call `json:"calls,omitempty"`
	Dials    []dial `json:"dials,omitempty"`
}

type call struct {
	URL    string  `json:"url"`
	Error  string  `json:"error,omitempty"`
	Answer *report `json:"answer,omitempty"`
}

type dial struct {
	Address string `json:"address"`
	Error   string `json:"error,omitempty"`
}

// service answers requests by calling everything it needs.
type service struct {
	calls, dials list
	client       http.Client
	// The size of the rules that each request is checked against, in bytes.
	rules int
}

func serve(args []string) error {
	s := service{client: http.Client{Timeout: patience}}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	listen := flags.String("listen", ":8080", "address to listen on")
	flags.Var(&s.calls, "call", "URL of a service to call for each request")
	flags.Var(&s.dials, "dial", "address to connect to for each request")
	if err := flags.Parse(args); err != nil {
		return err
	}

	if size, isSet := os.LookupEnv("RULES"); isSet {
		mebibytes, err := strconv.Atoi(strings.TrimSuffix(size, "Mi"))
		if err != nil {
			return fmt.Errorf("RULES is %q, expected a size such as 16Mi", size)
		}
		s.rules = mebibytes << 20
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if os.Getenv("HEALTH") == "deep" {
			s.answer(w, r)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /{$}", s.answer)
	server := http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: patience}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	log.Printf("listening on %s, calling %v, dialling %v", *listen, s.calls, s.dials)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *service) answer(w http.ResponseWriter, r *http.Request) {
	// The kernel provides memory only once it is written to.
	rules := make([]byte, s.rules)
	for page := 0; page < len(rules); page += os.Getpagesize() {
		rules[page] = 1
	}
	defer runtime.KeepAlive(rules)
	host, _ := os.Hostname()
	answer := report{Host: host, Greeting: os.Getenv("GREETING"), OK: true}
	for _, url := range s.calls {
		c := s.call(r.Context(), url)
		answer.OK = answer.OK && c.Error == ""
		answer.Calls = append(answer.Calls, c)
	}
	for _, address := range s.dials {
		d := dial{Address: address}
		if conn, err := net.DialTimeout("tcp", address, patience); err != nil {
			d.Error = err.Error()
		} else {
			_ = conn.Close()
		}
		answer.OK = answer.OK && d.Error == ""
		answer.Dials = append(answer.Dials, d)
	}
	w.Header().Set("Content-Type", "application/json")
	if !answer.OK {
		w.WriteHeader(http.StatusBadGateway)
	}
	log.Printf("%s %s ok=%t", r.Method, r.URL.Path, answer.OK)
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *service) call(ctx context.Context, url string) call {
	c := call{URL: url}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	response, err := s.client.Do(request)
	if err != nil {
		c.Error = err.Error()
		return c
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&c.Answer); err != nil {
		c.Error = err.Error()
	} else if response.StatusCode != http.StatusOK {
		c.Error = response.Status
	}
	return c
}
