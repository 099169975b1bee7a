import dagger

with dagger.connect() as dag:
    base = (
        dag.container()
        .from_("debian:bookworm-slim")
        .with_env_variable("DEBIAN_FRONTEND", "noninteractive")
        .with_exec(["apt-get", "-qq", "update"])
        .with_exec(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "jq"])
    )
    print(base.with_exec(["jq", ".a"], stdin='{"a": [1, 2]}').stdout())
