package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dagger.io/dagger"
)

// What goes in and out: texts, bytes, files, images, secrets, cache volumes.

const mebi = 1 << 20

func large(r run) {
	line := strings.Repeat("0123456789abcdef", 4) + "\n"
	lines := 6 * mebi / len(line)
	script := fmt.Sprintf("yes %s | head -n %d; echo %s >&2", strings.TrimSpace(line), lines, mark("large"))
	equal(must(r.busybox().WithExec([]string{"sh", "-c", script}).Stdout(r)), strings.Repeat(line, lines))
	text := strings.Repeat(line, 3*mebi/len(line))
	file := r.Directory().WithNewFile("large.txt", text).File("large.txt")
	equal(must(file.Size(r)), len(text))
	equal(must(file.Contents(r)), text)
	summed := r.busybox().WithMountedFile("/large.txt", file).WithExec([]string{"sha256sum", "/large.txt"})
	equal(strings.Fields(must(summed.Stdout(r)))[0], sum([]byte(text)))
}

func unicode(r run) {
	text := "Grüße, 世界 🚀 e\u0301 \"quoted\" \\back\\ $HOME `x` \u2028 \x7f"
	path := "ünï/世界 🚀.txt"
	contents := text + "\r\n\ttab \x01\x1b end"
	tree := r.Directory().WithNewFile(path, contents)
	equal(must(tree.Entries(r)), []string{"ünï/"})
	equal(must(tree.Glob(r, "**/*.txt")), []string{path})
	equal(must(tree.File(path).Contents(r)), contents)
	container := r.busybox().WithEnvVariable("TEXT", text).WithLabel("text", text)
	equal(must(container.EnvVariable(r, "TEXT")), text)
	equal(must(container.Label(r, "text")), text)
	command := []string{"sh", "-c", `printf "%s|%s" "$TEXT" "$1"`, "sh", text}
	equal(must(container.WithExec(command).Stdout(r)), text+"|"+text)
	shown := container.WithMountedDirectory("/mnt", tree).WithExec([]string{"cat", "/mnt/" + path})
	equal(must(shown.Stdout(r)), contents)
	_, err := tree.File("世界").Contents(r)
	fails(err, "世界")
}

func binary(r run) {
	content := must(os.ReadFile("bytes.bin"))
	twice := sum(append(slices.Clone(content), content...))
	file := r.Host().File("bytes.bin")
	equal(must(file.Size(r)), len(content))
	copied := r.busybox().
		WithFile("/in", file).
		WithExec([]string{"sh", "-c", "cat /in /in > /out; sha256sum /out"})
	equal(strings.Fields(must(copied.Stdout(r)))[0], twice)
	must(copied.File("/out").Export(r, "binary.out"))
	equal(sum(must(os.ReadFile("binary.out"))), twice)
}

func export(r run) {
	script := "mkdir -p /o/sub; echo a > /o/a; echo x > /o/sub/x; chmod 750 /o/sub/x; ln -s sub/x /o/link"
	made := r.busybox().WithExec([]string{"sh", "-c", script})
	equal(must(made.Directory("/o").Export(r, "exported")), must(filepath.Abs("exported")))
	names := []string{}
	for _, entry := range must(os.ReadDir("exported")) {
		names = append(names, entry.Name())
	}
	equal(names, []string{"a", "link", "sub"})
	equal(must(os.Readlink("exported/link")), "sub/x")
	equal(must(os.Stat("exported/sub/x")).Mode().Perm(), fs.FileMode(0o750))
	equal(must(made.File("/o/a").Export(r, "file.txt")), must(filepath.Abs("file.txt")))
	equal(string(must(os.ReadFile("file.txt"))), "a\n")
	equal(must(r.Host().Directory("exported").Glob(r, "**")), []string{"a", "link", "sub/", "sub/x"})

	image := made.WithEntrypoint([]string{"cat"}).WithEnvVariable("KEPT", "yes")
	equal(must(image.Export(r, "image.tar")), must(filepath.Abs("image.tar")))
	listed := members("image.tar")
	holds(slices.Contains(listed, "index.json") && slices.Contains(listed, "oci-layout"), "this is no OCI archive")
	for _, archive := range []*dagger.File{r.Host().File("image.tar"), image.AsTarball()} {
		again := r.Container().Import(archive)
		equal(must(again.Entrypoint(r)), []string{"cat"})
		equal(must(again.EnvVariable(r, "KEPT")), "yes")
		use := dagger.ContainerWithExecOpts{UseEntrypoint: true}
		equal(must(again.WithExec([]string{"/o/sub/x"}, use).Stdout(r)), "x\n")
	}
}

// members lists the names in an archive.
func members(path string) (names []string) {
	file := must(os.Open(path))
	defer file.Close()
	for archive := tar.NewReader(file); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		check(err)
		names = append(names, header.Name)
	}
}

func secrets(r run) {
	value := os.Getenv("CLIENTS_SECRET")
	check(os.WriteFile("secret.txt", []byte(value), 0o600))
	three := []*dagger.Secret{
		r.SetSecret(mark("set"), value),
		r.Secret("env://CLIENTS_SECRET"),
		r.Secret("file://secret.txt"),
	}
	for _, secret := range three {
		container := r.busybox().
			WithEnvVariable("NOW", now()).
			WithSecretVariable("TOKEN", secret).
			WithMountedSecret("/run/token", secret)
		script := `echo "${#TOKEN} $TOKEN"; cat /run/token; echo "err $TOKEN" >&2; ` +
			`test "$TOKEN" = "$(cat /run/token)"`
		done := container.WithExec([]string{"sh", "-c", script})
		equal(must(done.Stdout(r)), fmt.Sprintf("%d ***\n***", len(value)))
		equal(must(done.Stderr(r)), "err ***\n")
		_, err := container.WithExec([]string{"sh", "-c", "echo $TOKEN; cat /run/token >&2; exit 1"}).Sync(r)
		failed := execFails(err, "exit code: 1")
		equal([]string{failed.Stdout, failed.Stderr}, []string{"***", "***"})
		holds(!strings.Contains(fmt.Sprintf("%v %#v", err, failed.Extensions()), value), "the secret is in the error")
		equal(must(secret.Plaintext(r)), value)
		// Nothing is left where it was mounted.
		equal(must(done.Rootfs().Exists(r, "run/token")), false)
	}
	equal(must(three[0].Name(r)), mark("set"))
	unset := r.Secret("env://CLIENTS_NOT_SET")
	_, err := r.busybox().WithSecretVariable("T", unset).WithExec([]string{"true"}).Sync(r)
	fails(err, "secret env var not found")
}

func cache(r run) {
	step := func(key, script string) *dagger.Container {
		return r.busybox().
			WithEnvVariable("NOW", now()).
			WithMountedCache("/cache", r.CacheVolume(mark(key))).
			WithExec([]string{"sh", "-c", script})
	}
	must(step("one", "echo first >> /cache/log").Sync(r))
	must(step("one", "echo second >> /cache/log").Sync(r))
	equal(must(step("one", "cat /cache/log").Stdout(r)), "first\nsecond\n")
	equal(must(step("two", "ls /cache").Stdout(r)), "")
	// What is in a volume belongs to no container.
	_, err := step("one", "true").File("/cache/log").Contents(r)
	fails(err, "cannot retrieve path from cache")
}

func host(r run) {
	tree := func(options dagger.HostDirectoryOpts) []string {
		return must(r.Host().Directory("tree", options).Glob(r, "**"))
	}
	all := []string{"a.txt", "b.log", "sub/", "sub/c.txt", "sub/d.log", "sub/deep/", "sub/deep/e.txt"}
	equal(tree(dagger.HostDirectoryOpts{}), all)
	texts := []string{"a.txt", "sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"}
	equal(tree(dagger.HostDirectoryOpts{Include: []string{"**/*.txt"}}), texts)
	fewer := []string{"a.txt", "sub/", "sub/c.txt"}
	equal(tree(dagger.HostDirectoryOpts{Exclude: []string{"**/*.log", "sub/deep"}}), fewer)
	both := dagger.HostDirectoryOpts{Include: []string{"sub"}, Exclude: []string{"**/*.log"}}
	equal(tree(both), []string{"sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"})
	equal(must(r.Host().File("tree/sub/c.txt").Contents(r)), "c\n")
	absolute := must(filepath.Abs("tree"))
	equal(must(r.Host().Directory(absolute).Entries(r)), []string{"a.txt", "b.log", "sub/"})
	_, err := r.Host().Directory("no-such-directory").Entries(r)
	fails(err, "no-such-directory")
}

func registry(r run) {
	digest := os.Getenv("CLIENTS_DIGEST")
	equal(must(r.Container().From("alpine:3.20").ImageRef(r)), "docker.io/library/alpine:3.20@"+digest)
	pinned := r.Container().From("alpine@" + digest)
	equal(must(pinned.WithExec([]string{"echo", "pinned"}).Stdout(r)), "pinned\n")
	equal(must(pinned.DefaultArgs(r)), []string{"sh"})
	equal(must(r.Container().From("alpine").DefaultArgs(r)), []string{"latest"})
	_, err := r.Container().From("not-there:1").Sync(r)
	fails(err, "library/not-there")
}
