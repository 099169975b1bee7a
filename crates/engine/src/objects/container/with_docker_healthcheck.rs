//! `Container.withDockerHealthcheck`: says how to find out whether the container is healthy.

use std::sync::Arc;

use kukri_engine_macros::Operation;
use kukri_oci::image::Healthcheck;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::healthcheck_config::duration;
use crate::operation::Run;

/// Says how to find out whether the container is healthy, in Docker's terms. It takes the place of what the image says,
/// and is part of the images that are made of the container.
///
/// Durations are numbers with units, such as `30s` or `1m30s`. What is left out has Docker's default.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.withDockerHealthcheck(args: ["wget", "-q", "localhost"], interval: "10s", retries: 3).dockerHealthcheck.args"# => r#"["wget", "-q", "localhost"]"#)]
#[example(r#"container.withDockerHealthcheck(args: ["wget -q localhost || exit 1"], shell: true).dockerHealthcheck.shell"# => r#"true"#)]
pub struct WithDockerHealthcheck {
    /// The command: exit status 0 means healthy.
    args: Vec<String>,
    /// Let the container's shell run the command, which then is one text.
    shell: Option<bool>,
    /// Time between two checks.
    interval: Option<String>,
    /// Time after which a check has failed.
    timeout: Option<String>,
    /// Time after the start in which failures do not count.
    start_period: Option<String>,
    /// Time between two checks after the start.
    start_interval: Option<String>,
    /// How many failures in a row make the container unhealthy.
    retries: Option<i64>,
}

impl Run for WithDockerHealthcheck {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let shell = self.shell.unwrap_or(false);
        if shell && self.args.len() != 1 {
            return Err(OpError::new(format!(
                "withDockerHealthcheck: a command for a shell is one text, but args has {}",
                self.args.len()
            )));
        }
        if self.args.is_empty() {
            return Err(OpError::new("withDockerHealthcheck: args is empty: say which command is run"));
        }
        let retries = self.retries.unwrap_or(0);
        if retries < 0 {
            return Err(OpError::new(format!("withDockerHealthcheck: {retries} retries are not possible")));
        }
        let time = |name: &str, text: &Option<String>| match text {
            Some(text) => duration::parse(text).map_err(|error| OpError::new(format!("{name}: {error}"))),
            None => Ok(0),
        };
        let kind = if shell { "CMD-SHELL" } else { "CMD" };
        let check = Healthcheck {
            test: std::iter::once(kind.to_owned()).chain(self.args).collect(),
            interval: time("interval", &self.interval)?,
            timeout: time("timeout", &self.timeout)?,
            start_period: time("startPeriod", &self.start_period)?,
            start_interval: time("startInterval", &self.start_interval)?,
            retries,
        };
        Ok(on.configured(|config| config.healthcheck = Some(check)))
    }
}
