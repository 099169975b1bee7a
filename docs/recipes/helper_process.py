import dagger

SCRIPT = """
mkdir -p /srv && echo pong >/srv/ping
httpd -p 8080 -h /srv
wget -q -O - http://127.0.0.1:8080/ping
"""

with dagger.connect() as dag:
    print(dag.container().from_("busybox").with_exec(["sh", "-ec", SCRIPT]).stdout())
