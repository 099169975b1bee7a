//! What stands below the help of commands: how they are used. A test reads each line that begins with the command as the
//! command line does.

pub const RUN: &str = "\
The program finds the session by variables, with any SDK. The status is that of the program.

  kukri run python ci.py
  kukri run --progress=plain --trace=run.html make ci
  kukri run --workdir=.. node ci.mjs --fast";

pub const QUERY: &str = "\
Prints the data of the answer as JSON.

  kukri query '{ container { from(address: \"alpine\") { withExec(args: [\"uname\", \"-a\"]) { stdout } } } }'
  kukri query --doc build.graphql --var tag=v1 Build
  kukri query --progress=none < build.graphql";

pub const ENGINE: &str = "\
Each flag has a variable, by which an engine that starts by itself is set as well.

  kukri engine --root=/data/kukri --max-size=100GB
  kukri engine status
  kukri engine stop";

pub const CACHE: &str = "\
How much it may take is set by --max-size, --min-free and --keep of `kukri engine`.

  kukri cache du
  kukri cache prune --keep=7d
  kukri cache why 'pytest -q'";

pub const PRUNE: &str = "\
Without limits, everything goes that is not in use, except cache volumes.

  kukri cache prune --max-size=20GB --dry-run
  kukri cache prune --keep=7d --volumes
  kukri cache prune --min-free=10%";

pub const VERIFY: &str = "\
Ends with 1 as long as something is damaged.

  kukri cache verify --deep
  kukri cache verify --deep --repair";

pub const WHY: &str = "\
Of ten steps at most that have it in their command or label.

  kukri cache why 'pytest -q'
  kukri cache why --json 'pip install'";

pub const TRACE: &str = "\
The latest 20 runs are kept; KUKRI_RUNS says how many.

  kukri trace show
  kukri trace show --step pytest
  kukri trace open";

pub const SHOW: &str = "\
Runs are named by when they began.

  kukri trace show
  kukri trace show --step 'pip install'
  kukri trace show --json 20261231";

pub const OPEN: &str = "\
BROWSER says by which command it is opened.

  kukri trace open
  kukri trace open -o run.html 20261231";

pub const DOCTOR: &str = "\
Starts an engine to see whether it can. Ends with 1 where something is missing.

  kukri doctor";

pub const HELP: &str = "\
`kukri man DIR` writes manual pages of the same.

  kukri help cache prune
  kukri help environment
  kukri help KUKRI_PROGRESS
  kukri help exit-codes";
