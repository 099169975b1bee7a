package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"dagger.io/dagger"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// What goes wrong, ends early, or happens at once.

// beatScript writes a number that grows, for as long as it is let.
const beatScript = "i=0; while true; do i=$((i+1)); echo $i > /beat/now; sleep 0.1; done"

// hang runs a step that never ends, and shows in a cache volume that it runs.
func hang(r run, name string) error {
	_, err := r.busybox().
		WithMountedCache("/beat", r.CacheVolume(name)).
		WithExec([]string{"sh", "-c", beatScript}).
		Stdout(r)
	return err
}

// beat gives what the step has written last.
func beat(r run, name string) string {
	return must(r.busybox().
		WithMountedCache("/beat", r.CacheVolume(name)).
		WithEnvVariable("NOW", now()).
		WithExec([]string{"sh", "-c", "cat /beat/now || true"}).
		Stdout(r))
}

func until(what func() bool, why string) {
	for range 100 {
		if what() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	panic(wrong{why})
}

func begins(r run, name string) {
	until(func() bool { return strings.TrimSpace(beat(r, name)) != "" }, "the step does not begin")
}

func ends(r run, name string) {
	until(func() bool {
		before := beat(r, name)
		time.Sleep(500 * time.Millisecond)
		return beat(r, name) == before
	}, "the step still runs")
}

func execErrors(r run) {
	command := []string{"sh", "-c", "echo to-out; echo to-err >&2; exit 3"}
	_, err := r.busybox().WithExec(command).Stdout(r)
	failed := execFails(err, "exit code: 3")
	equal(failed.Cmd, command)
	equal(failed.ExitCode, 3)
	equal([]string{failed.Stdout, failed.Stderr}, []string{"to-out", "to-err"})
	equal(failed.Extensions()["_type"], "EXEC_ERROR")
	equal(failed.Extensions()["exitCode"], 3.0)
}

func otherErrors(r run) {
	tree := r.Directory().WithNewFile("f", "")
	_, err := tree.File("nothing").Contents(r)
	fails(err, "nothing: no such file or directory")
	var failed *dagger.ExecError
	holds(!errors.As(err, &failed), "this is no failing command")
	var first *gqlerror.Error
	holds(errors.As(err, &first), fmt.Sprintf("%T is no GraphQL error", err))
	equal(first.Path[0], ast.PathName("directory"))
	equal(len(first.Extensions), 0)
	_, err = r.Container().Stdout(r)
	fails(err, "no command has been set")
	_, err = tree.Directory("f").Entries(r)
	fails(err, "is a file, not a directory")
	equal(must(r.Directory().WithNewFile("after", "").Entries(r)), []string{"after"})
}

func cancels(r run) {
	name := mark("cancel")
	ctx, cancel := context.WithCancel(r)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- hang(run{ctx, r.Client}, name) }()
	begins(r, name)
	cancel()
	err := <-done
	holds(errors.Is(err, context.Canceled), fmt.Sprintf("the request ended with %v", err))
	ends(r, name)
}

func gone(r run) {
	name := mark("gone")
	other := exec.CommandContext(r, os.Args[0], "hang", name)
	other.Stderr = os.Stderr
	check(other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	begins(r, name)
	check(other.Process.Kill())
	holds(strings.Contains(fmt.Sprint(other.Wait()), "killed"), "the client has ended")
	ends(r, name)
}

func concurrency(r run) {
	word := mark("concurrency")
	var group sync.WaitGroup
	found, errs := make([]string, 50), make([]error, 50)
	for number := range found {
		group.Go(func() {
			script := fmt.Sprintf("sleep 0.1; echo %d %s", number, word)
			found[number], errs[number] = r.busybox().WithExec([]string{"sh", "-c", script}).Stdout(r)
		})
	}
	group.Wait()
	for number := range found {
		check(errs[number])
		equal(found[number], fmt.Sprintf("%d %s\n", number, word))
	}
}
