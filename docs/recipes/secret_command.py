import dagger

with dagger.connect() as dag:
    token = dag.secret("cmd://head -c 8 token.txt")  # or: cmd://op read op://vault/item/field
    print(
        dag.container()
        .from_("alpine")
        .with_secret_variable("TOKEN", token)
        .with_exec(["sh", "-c", 'test -n "$TOKEN" && echo there'])
        .stdout()
    )
