import dagger

with dagger.connect() as dag:
    image = (
        dag.container()
        .from_("alpine")
        .with_new_file("/app/serve", "#!/bin/sh\nexec httpd -f -p 8080\n", permissions=0o755)
        .with_workdir("/app")
        .with_user("nobody")
        .with_exposed_port(8080)
        .with_label("org.opencontainers.image.version", "1.0.0")
        .with_docker_healthcheck(["wget", "-q", "-O", "-", "http://127.0.0.1:8080/"])
        .with_entrypoint(["/app/serve"])
    )
    image.export("image.tar")  # for `docker load`
    print(image.entrypoint(), image.user(), image.label("org.opencontainers.image.version"))
