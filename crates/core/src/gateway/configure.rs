//! The configuration in force: embedded in the bundle, replaced by the store's active version.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::future::join;
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use super::Gateway;
use crate::{
    config::Config,
    port::{Host, Kv},
};

/// The store's key for the id of the active version.
pub const ACTIVE: &str = "config/active";

/// How often the store is asked for a new version. With the store's own minute of delay at most, and the answer used
/// from the next request on, a push is in force everywhere within two minutes, and here within half of one.
const CHECKED: Duration = Duration::from_secs(30);

/// The configuration in force in this isolate.
pub(super) struct Current {
    embedded: &'static str,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    config: Option<Rc<Config>>,
    /// The store's id of it; `None` for the embedded one.
    version: Option<String>,
    checked_at: Timestamp,
}

impl Current {
    /// A configuration that begins as `embedded`.
    pub fn new(embedded: &'static str) -> Self {
        Self { embedded, state: RefCell::default() }
    }
}

/// The store's key for the version `id`.
pub fn version_key(id: &str) -> String {
    format!("config/version/{id}")
}

impl Gateway {
    /// The configuration in force. Only an isolate's first request waits for the store; later looks happen after an
    /// answer.
    /// The configuration in force.
    ///
    /// # Errors
    ///
    /// If none can be read.
    pub async fn config<H: Host>(self: &Rc<Self>, host: &H) -> Result<Rc<Config>, Failure> {
        let now = host.now();
        let (config, due) = {
            let state = self.config.state.borrow();
            (state.config.clone(), CHECKED <= now.since(state.checked_at))
        };
        let Some(config) = config else {
            join(self.look(host), self.look_for_drained(host)).await;
            return self.or_embedded();
        };
        if due {
            self.config.state.borrow_mut().checked_at = now;
            let (gateway, host_later) = (self.clone(), host.clone());
            host.later(Box::pin(async move {
                join(gateway.look(&host_later), gateway.look_for_drained(&host_later)).await;
            }));
        }
        Ok(config)
    }

    /// Takes the store's active version over, if it is another and can be read; else says why not and changes nothing.
    async fn look<H: Host>(&self, host: &H) {
        self.config.state.borrow_mut().checked_at = host.now();
        let version = match Kv::get(host, ACTIVE).await {
            Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).trim().to_owned(),
            Ok(None) => return,
            Err(error) => {
                return host
                    .log(&format!("config: the store does not answer: {error}; the last good one stays"));
            }
        };
        if self.config.state.borrow().version.as_deref() == Some(version.as_str()) {
            return;
        }
        let fault = match Kv::get(host, &version_key(&version)).await {
            Ok(Some(bytes)) => match Config::from_json(&bytes) {
                Ok(config) => {
                    let mut state = self.config.state.borrow_mut();
                    state.config = Some(Rc::new(config));
                    state.version = Some(version);
                    return;
                }
                Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            },
            Ok(None) => "it is not in the store".to_owned(),
            Err(error) => error.to_string(),
        };
        host.log(&format!("config: version {version} is not used: {fault}; the last good one stays"));
    }

    fn or_embedded(&self) -> Result<Rc<Config>, Failure> {
        let mut state = self.config.state.borrow_mut();
        if let Some(config) = &state.config {
            return Ok(config.clone());
        }
        let config = Config::from_json(self.config.embedded.as_bytes()).map(Rc::new).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::new(
                ErrorKind::Internal,
                format!("the bundle's configuration is wrong: {}", problems.join("; ")),
            )
        })?;
        state.config = Some(config.clone());
        Ok(config)
    }
}
