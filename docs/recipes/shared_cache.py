import dagger

with dagger.connect() as dag:
    volume = dag.cache_volume("counter")
    step = (
        dag.container()
        .from_("alpine")
        .with_mounted_cache("/cache", volume, sharing=dagger.CacheSharingMode.LOCKED)
    )
    for name in ("one", "two"):
        print(step.with_exec(["sh", "-c", f"echo {name} >>/cache/log; wc -l </cache/log"]).stdout().strip())
