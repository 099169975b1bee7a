import os

import dagger

with dagger.connect() as dag:
    image = dag.container().from_("alpine").with_new_file("/motd", "hi").with_entrypoint(["cat", "/motd"])
    reference = image.publish(f"{os.environ['REGISTRY']}/team/motd:1.0")
    print(reference)
    print(dag.container().from_(reference).with_exec([], use_entrypoint=True).stdout())
