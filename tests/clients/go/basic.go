package main

import (
	"fmt"

	"dagger.io/dagger"
)

// What a program builds: chains, objects, lists, enums, variables, IDs.

func chains(r run) {
	base := r.busybox().WithEnvVariable("MARK", mark("chains")).WithWorkdir("/work")
	made := base.WithNewFile("in.txt", "one\n").WithExec([]string{"sh", "-c", "cat in.txt; echo two"})
	equal(must(made.Stdout(r)), "one\ntwo\n")
	equal(must(made.Workdir(r)), "/work")
	// Branches know nothing of each other.
	equal(must(base.WithExec([]string{"ls"}).Stdout(r)), "")
	long, names := r.Directory(), []string{}
	for number := range 100 {
		names = append(names, fmt.Sprintf("%03d.txt", number))
		long = long.WithNewFile(names[number], fmt.Sprint(number))
	}
	equal(must(long.Entries(r)), names)
	equal(must(long.File("099.txt").Contents(r)), "99")
}

func objects(r run) {
	inner := r.Directory().WithNewFile("deep/a.txt", "a")
	first := r.busybox().
		WithDirectory("/in", inner).
		WithExec([]string{"sh", "-c", "cat /in/deep/a.txt; echo b > /b.txt"})
	second := r.Directory().WithFile("b.txt", first.File("/b.txt")).WithDirectory("in", first.Directory("/in"))
	third := r.busybox().
		WithMountedDirectory("/mnt", second).
		WithExec([]string{"sh", "-c", "cd /mnt; find . -type f | sort"})
	equal(must(third.Stdout(r)), "./b.txt\n./in/deep/a.txt\n")
	files := []*dagger.File{second.File("b.txt"), second.File("in/deep/a.txt")}
	equal(must(r.Directory().WithFiles("many", files).Glob(r, "many/*")), []string{"many/a.txt", "many/b.txt"})
}

func lists(r run) {
	container := r.Container().
		WithEnvVariable("FIRST", "1").
		WithEnvVariable("SECOND", "2").
		WithExposedPort(80).
		WithExposedPort(53, dagger.ContainerWithExposedPortOpts{
			Protocol: dagger.NetworkProtocolUdp, Description: "names",
		}).
		WithLabel("org.example", "yes")
	variables := []string{}
	for _, one := range must(container.EnvVariables(r)) {
		variables = append(variables, must(one.Name(r))+"="+must(one.Value(r)))
	}
	equal(variables, []string{"FIRST=1", "SECOND=2"})
	ports := map[int]string{}
	for _, one := range must(container.ExposedPorts(r)) {
		ports[must(one.Port(r))] = must(one.Description(r))
	}
	equal(ports, map[int]string{80: "", 53: "names"})
	labels := must(container.Labels(r))
	equal(len(labels), 1)
	equal(must(labels[0].Name(r))+"="+must(labels[0].Value(r)), "org.example=yes")
	equal(must(r.Directory().WithNewFile("b", "").WithNewFile("a/c", "").Entries(r)), []string{"a/", "b"})
	equal(must(r.Directory().Entries(r)), []string{})
}

func syncs(r run) {
	step := r.busybox().
		WithMountedCache("/count", r.CacheVolume(mark("sync"))).
		WithExec([]string{"sh", "-c", "echo run >> /count/runs; echo x > /x"})
	synced := must(step.Sync(r))
	must(synced.Sync(r))
	equal(must(synced.File("/x").Contents(r)), "x\n")
	equal(must(synced.WithExec([]string{"cat", "/count/runs"}).Stdout(r)), "run\n")
	equal(must(must(r.Directory().WithNewFile("f", "1").Sync(r)).Entries(r)), []string{"f"})
	_, err := r.busybox().WithExec([]string{"false"}).Sync(r)
	execFails(err, "exit code: 1")
}

func enums(r run) {
	expect := func(command string, kind dagger.ReturnType) *dagger.Container {
		return r.busybox().WithExec([]string{"sh", "-c", command}, dagger.ContainerWithExecOpts{Expect: kind})
	}
	equal(must(expect("exit 7", dagger.ReturnTypeAny).ExitCode(r)), 7)
	equal(must(expect("exit 5", dagger.ReturnTypeFailure).ExitCode(r)), 5)
	_, err := expect("true", dagger.ReturnTypeFailure).Sync(r)
	execFails(err, "exit code: 0")
	udp := dagger.ContainerWithExposedPortOpts{Protocol: dagger.NetworkProtocolUdp}
	ports := must(r.Container().WithExposedPort(53, udp).ExposedPorts(r))
	equal(len(ports), 1)
	equal(must(ports[0].Protocol(r)), dagger.NetworkProtocolUdp)
	tree := r.Directory().WithNewFile("dir/file", "")
	exists := func(kind dagger.ExistsType) bool {
		return must(tree.Exists(r, "dir", dagger.DirectoryExistsOpts{ExpectedType: kind}))
	}
	equal(exists(dagger.ExistsTypeDirectoryType), true)
	equal(exists(dagger.ExistsTypeRegularType), false)
	equal(must(tree.Stat("dir").FileType(r)), dagger.FileTypeDirectory)
	volume := r.CacheVolume(mark("enums"))
	must(r.busybox().WithMountedCache("/c", volume).WithExec([]string{"touch", "/c/shared"}).Sync(r))
	// Shared by others, it is another volume.
	locked := dagger.ContainerWithMountedCacheOpts{Sharing: dagger.CacheSharingModeLocked}
	step := r.busybox().WithMountedCache("/c", volume, locked)
	equal(must(step.WithExec([]string{"ls", "/c"}).Stdout(r)), "")
}

func environment(r run) {
	container := r.busybox().
		WithEnvVariable("NAME", "world").
		WithEnvVariable("GREETING", "hello ${NAME}$MISSING", dagger.ContainerWithEnvVariableOpts{Expand: true}).
		WithEnvVariable("LITERAL", "${NAME}").
		WithEnvVariable("REMOVED", "x").
		WithoutEnvVariable("REMOVED")
	script := `echo "$GREETING/$LITERAL/${REMOVED-unset}"`
	equal(must(container.WithExec([]string{"sh", "-c", script}).Stdout(r)), "hello world/${NAME}/unset\n")
	equal(must(container.EnvVariable(r, "GREETING")), "hello world")
	// This client makes an empty text of null.
	equal(must(container.EnvVariable(r, "REMOVED")), "")
	echo := []string{"echo", "$NAME"}
	equal(must(container.WithExec(echo, dagger.ContainerWithExecOpts{Expand: true}).Stdout(r)), "world\n")
	equal(must(container.WithExec(echo).Stdout(r)), "$NAME\n")
	entry := container.WithEntrypoint([]string{"echo", "entry"})
	use := dagger.ContainerWithExecOpts{UseEntrypoint: true}
	equal(must(entry.WithExec([]string{"point"}, use).Stdout(r)), "entry point\n")
}

func ids(r run) {
	container := r.busybox().WithExec([]string{"sh", "-c", "echo loaded > /x"})
	name := dagger.ContainerID(must(container.ID(r)))
	equal(must(r.LoadContainerFromID(name).File("/x").Contents(r)), "loaded\n")
	directory := must(r.Directory().WithNewFile("f", "").ID(r))
	equal(must(r.LoadDirectoryFromID(dagger.DirectoryID(directory)).Entries(r)), []string{"f"})
	_, err := r.LoadContainerFromID(dagger.ContainerID(directory)).Stdout(r)
	fails(err, "expected Container, got Directory")
	_, err = r.LoadContainerFromID("no-id-at-all").Stdout(r)
	fails(err, "")
}
