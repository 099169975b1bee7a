// The scenarios with the official client for Go.
package main

import (
	"context"
	"fmt"
	"os"

	"dagger.io/dagger"
)

var scenarios = map[string]func(run){
	"chains":       chains,
	"objects":      objects,
	"lists":        lists,
	"sync":         syncs,
	"enums":        enums,
	"exec-errors":  execErrors,
	"other-errors": otherErrors,
	"cancel":       cancels,
	"gone":         gone,
	"concurrency":  concurrency,
	"large":        large,
	"unicode":      unicode,
	"binary":       binary,
	"export":       export,
	"secrets":      secrets,
	"cache":        cache,
	"environment":  environment,
	"host":         host,
	"ids":          ids,
	"registry":     registry,
}

func main() {
	if err := program(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func program(ctx context.Context) error {
	client, err := dagger.Connect(ctx, dagger.WithLogOutput(os.Stderr))
	if err != nil {
		return err
	}
	if len(os.Args) == 3 && os.Args[1] == "hang" {
		err = hang(run{ctx, client}, os.Args[2])
	} else {
		err = runAll(ctx, client)
	}
	if closing := client.Close(); err == nil {
		err = closing
	}
	return err
}
