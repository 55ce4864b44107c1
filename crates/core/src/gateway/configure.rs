//! The configuration in force: embedded in the bundle, replaced by the store's active version.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures::future::join;
use sluice_types::{
    error::{ErrorKind, Failure},
    time::Timestamp,
};

use super::{Gateway, admit::store_down};
use crate::{
    config::Config,
    port::{Host, Kv, KvError},
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
            // Which configuration is in force is not known while the store is silent: the embedded one may be old.
            let (known, ()) = join(self.look(host), self.look_for_drained(host)).await;
            return known.map_err(store_down).and_then(|()| self.or_embedded());
        };
        if due {
            self.config.state.borrow_mut().checked_at = now;
            let (gateway, host_later) = (self.clone(), host.clone());
            host.later(Box::pin(async move {
                let (known, ()) =
                    join(gateway.look(&host_later), gateway.look_for_drained(&host_later)).await;
                if let Err(error) = known {
                    host_later.log(&format!("config: {error}; the last good one stays"));
                }
            }));
        }
        Ok(config)
    }

    /// Takes the store's active version over, if it is another. One that cannot be read changes nothing, and the log says why.
    ///
    /// # Errors
    ///
    /// If the store does not tell which version is in force, or does not have it yet.
    async fn look<H: Host>(&self, host: &H) -> Result<(), KvError> {
        self.config.state.borrow_mut().checked_at = host.now();
        let Some(version) = Kv::get(host, ACTIVE).await? else { return Ok(()) };
        let version = String::from_utf8_lossy(&version).trim().to_owned();
        if self.config.state.borrow().version.as_deref() == Some(version.as_str()) {
            return Ok(());
        }
        let Some(bytes) = Kv::get(host, &version_key(&version)).await? else {
            return Err(KvError(format!("version {version} is not in the store")));
        };
        match Config::from_json(&bytes) {
            Ok(config) => {
                let mut state = self.config.state.borrow_mut();
                state.config = Some(Rc::new(config));
                state.version = Some(version);
            }
            Err(problems) => {
                let fault = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                host.log(&format!("config: version {version} is not used: {fault}; the last good one stays"));
            }
        }
        Ok(())
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
