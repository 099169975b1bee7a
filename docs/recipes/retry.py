import dagger

with dagger.connect() as dag:
    base = dag.container().from_("alpine").with_mounted_cache("/state", dag.cache_volume("retry"))
    for attempt in range(1, 4):
        try:
            # Fails the first time. A failure is no result, so the same step is tried again.
            base.with_exec(["sh", "-c", "test -e /state/tried || { touch /state/tried; exit 1; }"]).sync()
        except dagger.ExecError as error:
            print(f"attempt {attempt}: exit code {error.exit_code}")
        else:
            print(f"attempt {attempt}: ok")
            break
