"""What Dagger 0.21.8 took for the same, measured once.

Its own command and `dagger-io` 0.21.8 as clients, images from a registry on loopback, on a virtual machine
with two processors, ext4 and kernel 6.18 and nothing else running, on 2026-11-22. Medians. The speed of the
disk came and went: only differences of more than half mean something.
"""

#: By row, in the order of its figures.
ORIGINAL: dict[str, tuple[str, ...]] = {
    "import": ("", "560 ms"),
    "script": ("1,180 ms",),
    "cold-script": ("2,280 ms",),
    "query": ("91 ms",),
    "start": ("800 ms", "10-24 s"),
    "exec": ("78 ms",),
    "parallel": ("21.7 per s",),
    "chain": ("83 ms", "fails between 300 and 600 steps"),
    "cached": ("38 ms",),
    "files": ("fails after 12 s: too many layers", "fails: recursion too deep"),
    "host": ("30 s; fails 4 times of 5: too many open files", "1.1-1.4 s", "4.5-5.8 s"),
    "image": ("14.6 s for an image of 152 MB",),
    "memory": ("175 MB", "1,100 MB"),
    "disk": ("223 MB: engine, command, init",),
}
