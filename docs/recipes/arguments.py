import argparse

import dagger

parser = argparse.ArgumentParser(description="Greets from a container.")
parser.add_argument("--image", default="alpine")
parser.add_argument("name")
arguments = parser.parse_args()

with dagger.connect() as dag:
    print(dag.container().from_(arguments.image).with_exec(["echo", "hello", arguments.name]).stdout())
