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

// holdScript never ends, and has a pipe in a cache volume open as long as any process of it is there.
const holdScript = "mkfifo /held/pipe 2> /dev/null; exec 9> /held/pipe; touch /held/runs; while true; do sleep 1; done"

// watchScript waits until that has begun, and then until the last process of it has ended.
const watchScript = "mkfifo /held/pipe 2> /dev/null; cat < /held/pipe; echo ended"

// lookScript says whether both run.
const lookScript = "[ ! -e /held/runs ] || echo runs"

// many is how many steps have to run at the same moment.
const many = 50

// meetScript ends when so many others of its kind, each with its own number, have begun.
var meetScript = fmt.Sprintf(`touch /met/$0; turn=0
until [ "$(ls /met | wc -l)" = %d ]; do
  [ $turn -lt 300 ] || { echo "only $(ls /met | wc -l) have met" >&2; exit 1; }
  turn=$((turn + 1)); sleep 0.2
done
echo $0 $1`, many)

// output is what a step that runs meanwhile will give.
type output struct {
	text string
	err  error
}

// step runs a script with the cache volume of that name.
func step(r run, name, script string) (string, error) {
	container := r.busybox().WithEnvVariable("NOW", now()).WithMountedCache("/held", r.CacheVolume(name))
	return container.WithExec([]string{"sh", "-c", script}).Stdout(r)
}

// hang runs a step that never ends.
func hang(r run, name string) error {
	_, err := step(r, name, holdScript)
	return err
}

// watched waits until the step that holds runs; the result says `ended` when no process of it is left.
func watched(r run, name string) <-chan output {
	watch := make(chan output, 1)
	go func() {
		text, err := step(r, name, watchScript)
		watch <- output{text, err}
	}()
	for must(step(r, name, lookScript)) != "runs\n" {
		holds(len(watch) == 0, "the step has ended by itself")
		time.Sleep(100 * time.Millisecond)
	}
	return watch
}

func ends(watch <-chan output) {
	last := <-watch
	equal(must(last.text, last.err), "ended\n")
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
	watch := watched(r, name)
	cancel()
	err := <-done
	holds(errors.Is(err, context.Canceled), fmt.Sprintf("the request ended with %v", err))
	ends(watch)
}

func gone(r run) {
	name := mark("gone")
	other := exec.CommandContext(r, os.Args[0], "hang", name)
	other.Stderr = os.Stderr
	check(other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	watch := watched(r, name)
	check(other.Process.Kill())
	holds(strings.Contains(fmt.Sprint(other.Wait()), "killed"), "the client has ended")
	ends(watch)
}

func concurrency(r run) {
	word := mark("concurrency")
	meeting := r.busybox().WithMountedCache("/met", r.CacheVolume(word))
	var group sync.WaitGroup
	found, errs := make([]string, many), make([]error, many)
	for number := range found {
		group.Go(func() {
			command := []string{"sh", "-c", meetScript, fmt.Sprint(number), word}
			found[number], errs[number] = meeting.WithExec(command).Stdout(r)
		})
	}
	group.Wait()
	for number := range found {
		check(errs[number])
		equal(found[number], fmt.Sprintf("%d %s\n", number, word))
	}
}
