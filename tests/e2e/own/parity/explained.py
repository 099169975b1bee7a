"""Where our client differs from the original's on purpose: each a pattern of what is different, and why.

What the engine leaves out of the API is not listed here; `schema/coverage/left-out.txt` has it.
"""

MODULES = "is for writing modules, which cannot be run yet"
VOLUMES = "volumes on other machines came after version 0.21.8 of the API, which is the one that is served"
HTTPX = "the original's is a class of httpx"
INTERNAL = "is a part of how the original works, and of no use to programs"
TRACING = "needs OpenTelemetry, which programs that trace set up themselves; requests carry its context"
SUPERSET = "does all that the original does, and more"

MISSING = {
    r"dagger\.(DefaultAddress|DefaultPath|Deprecated|Ignore|Name)": MODULES,
    r"dagger\.(check|enum_type|field|function|generate|interface|object_type|up)": MODULES,
    r"dagger\.(Volume|VolumeID)": VOLUMES,
    r"dagger\.Address\.volume": VOLUMES,
    r"dagger\.Container\.with_mounted_volume": VOLUMES,
    r"dagger\.(Client|Query)\.(sshfs_volume|load_volume_from_id)": VOLUMES,
    r"dagger\.(Client|Query)\.from_connection": INTERNAL,
    r"dagger\.Connection\.get_stack": INTERNAL,
    r"dagger\.Timeout\.as_dict": HTTPX,
    r"dagger\.telemetry": TRACING,
}
"""Names that we do not have. Modules that we do not have say so by themselves."""

DIFFERENT = {
    r"dagger\.connect what": "works without `async` as well, as a context manager",
    r"dagger\.connection what": "is a class: it is entered, and decorates functions, in the same way",
    r"dagger\.Config\(console\) .*": SUPERSET,
    r"dagger\.Config\(source_lines\) is more": "errors name the line that made the call; this turns it off",
    r"dagger\.Config\((timeout|execute_timeout)\) type": "takes numbers, as the original does without saying so",
    r"dagger\.Retry\((connect|execute)\) type": "says less of what a decorator takes and gives",
    r"dagger\.Timeout\((timeout|connect|read|write|pool)\) type": HTTPX,
    r"dagger\.Timeout\(timeout\) default": "nothing given is no limit, where httpx wants to be told",
    r"dagger\.(Client|Query)\.load_\w+_from_id\(id\) type": "takes a plain text as well, as the original does unsaid",
    r"dagger\.(Client|Query)\.node\(id\) type": "takes an ID as well as an object",
    r"dagger\.\w+\.id gives": "gives the ID of the type; that is a text",
}
"""What is not the same: `what` kind of thing it is, the `type` or `default` of a parameter, or what it `gives`."""
