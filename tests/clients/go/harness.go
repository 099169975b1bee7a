package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"dagger.io/dagger"
)

// limit is the time that one scenario may take.
const limit = 120 * time.Second

// run is what a scenario is given: a client, and a way to say what is wrong.
type run struct {
	context.Context
	*dagger.Client
}

// wrong ends a scenario; it is what `check` and the like panic with.
type wrong struct{ why string }

// must gives the value, or ends the scenario.
func must[T any](value T, err error) T {
	check(err)
	return value
}

// check ends the scenario if there is an error.
func check(err error) {
	if err != nil {
		panic(wrong{fmt.Sprintf("%T: %v", err, err)})
	}
}

// holds ends the scenario unless something is true.
func holds(truth bool, why string) {
	if !truth {
		panic(wrong{why})
	}
}

// equal ends the scenario unless both are the same; long ones are cut in the message.
func equal(found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		panic(wrong{fmt.Sprintf("found %s, wanted %s", cut(found), cut(wanted))})
	}
}

func cut(value any) string {
	text := fmt.Sprintf("%#v", value)
	if len(text) > 400 {
		text = fmt.Sprintf("%s… (%d bytes)", text[:400], len(text))
	}
	return text
}

// fails ends the scenario unless there is an error with such a text in it.
func fails(err error, text string) {
	holds(err != nil, "there is no error")
	holds(strings.Contains(err.Error(), text), fmt.Sprintf("the error has no %q in it: %v", text, err))
}

// execFails ends the scenario unless a command failed; it gives the error.
func execFails(err error, text string) *dagger.ExecError {
	fails(err, text)
	var failed *dagger.ExecError
	holds(errors.As(err, &failed), fmt.Sprintf("%T is no ExecError", err))
	return failed
}

// mark gives a text that no other run has, for steps which must not be hits.
func mark(name string) string {
	return os.Getenv("CLIENTS_MARK") + "-" + name
}

// now gives a text that never comes again.
func now() string {
	return rand.Text()
}

// busybox gives a container to run commands in.
func (r run) busybox() *dagger.Container {
	return r.Container().From("busybox")
}

// sum gives the digest as `sha256sum` prints it.
func sum(content []byte) string {
	digest := sha256.Sum256(content)
	return hex.EncodeToString(digest[:])
}

// result is a line in the file of results.
type result struct {
	Scenario string  `json:"scenario"`
	Error    string  `json:"error"`
	Seconds  float64 `json:"seconds"`
}

// runAll runs the scenarios which are asked for and writes a line for each into the file of results.
func runAll(ctx context.Context, client *dagger.Client) error {
	results, err := os.OpenFile(os.Getenv("CLIENTS_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer results.Close()
	for _, name := range strings.Fields(os.Getenv("CLIENTS_SCENARIOS")) {
		started := time.Now()
		failure := one(ctx, client, name)
		if failure != "" {
			fmt.Fprintf(os.Stderr, "%s: %s\n", name, failure)
		}
		line, err := json.Marshal(result{name, failure, time.Since(started).Seconds()})
		if err != nil {
			return err
		}
		if _, err := results.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// one runs one scenario; it gives why it failed, or nothing.
func one(ctx context.Context, client *dagger.Client, name string) (failure string) {
	scenario, known := scenarios[name]
	if !known {
		return "this client has no scenario " + name
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if caught := recover(); caught != nil {
			said, ok := caught.(wrong)
			if !ok {
				panic(caught)
			}
			failure = said.why
		}
	}()
	scenario(run{ctx, client})
	return ""
}
