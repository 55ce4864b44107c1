//! Who calls, and what they may do.

use std::{cell::RefCell, rc::Rc, time::Duration};

use http::HeaderMap;
use serde::de::DeserializeOwned;
use sluice_types::{
    error::{ErrorKind, Failure},
    json::from_bytes,
    time::Timestamp,
};

use super::{Context, Gateway, receive};
use crate::{
    config::{Model, Provider, Upstream},
    generations::Generations,
    key::{self, Access, KeyKind, KeyRecord, TenantRecord},
    port::{Host, Kv, KvError},
    token::Unverified,
};

/// How long a key's record is believed: a revoked key works this much longer at most.
const BELIEVED: Duration = Duration::from_secs(30);

/// How long a key that is not there is taken for absent, so that guessing does not reach the store.
const ABSENT_BELIEVED: Duration = Duration::from_secs(5);

/// The name of the admin key among the host's secrets.
pub(super) const ADMIN_KEY: &str = "SLUICE_ADMIN_KEY";

/// A caller whose key stands.
#[derive(Debug)]
pub(super) struct Caller {
    pub key: KeyRecord,
    pub tenant: TenantRecord,
    /// The end user whose token it is, whatever the request says.
    pub user: Option<String>,
}

impl Caller {
    /// Whether the caller's data may go to `provider`.
    pub fn may_use(&self, provider: &Provider) -> bool {
        // What is built in sends nothing anywhere.
        let stays = matches!(provider.upstream, Upstream::Builtin);
        self.tenant.may_use_provider(&provider.name)
            && (stays || self.tenant.may_use_region(provider.data_region.as_deref()))
            && self.key.may_use_provider(&provider.name)
    }

    /// Whether the caller is one among many that share a tenant, an end user or a page's visitor: what is kept for them is kept
    /// apart.
    pub fn is_apart(&self) -> bool {
        self.user.is_some() || self.key.kind == KeyKind::Publishable
    }

    /// What the caller may do with files and stores: what stands in a page or at an end user gets none, unless its record
    /// says so.
    pub fn access(&self) -> Access {
        let usual = if self.user.is_none() && self.key.kind == KeyKind::Secret {
            Access::Write
        } else {
            Access::None
        };
        self.key.knowledge.unwrap_or(usual)
    }

    /// Whether the caller may name `model`.
    pub fn may_name(&self, model: &str) -> bool {
        self.tenant.may_name_model(model) && self.key.may_name_model(model)
    }
}

/// What a look-up found, and when.
type Found = (Option<Rc<Caller>>, Timestamp);

/// How many keys of one generation are kept.
const KEPT: usize = 2_000;

/// Keys looked up lately.
pub(super) struct Keys(RefCell<Generations<key::Digest, Found>>);

impl Keys {
    /// Forgets everything: what the operator changed here holds here at once.
    pub(super) fn forget(&self) {
        *self.0.borrow_mut() = Generations::new(KEPT);
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self(RefCell::new(Generations::new(KEPT)))
    }
}

impl Gateway {
    /// The caller whose virtual key the request shows.
    pub(super) async fn authenticate<H: Host>(
        &self,
        context: &Context<'_, H>,
    ) -> Result<Rc<Caller>, Failure> {
        let Some(shown) = key::presented(context.headers) else {
            let message = "no API key: send `Authorization: Bearer sk-sluice-…` or `x-api-key: sk-sluice-…`";
            return Err(Failure::new(ErrorKind::Unauthenticated, message));
        };
        let digest = key::digest(shown);
        let known = self.keys.0.borrow_mut().get(&digest).filter(|(caller, read_at)| {
            let believed = if caller.is_some() { BELIEVED } else { ABSENT_BELIEVED };
            context.started.since(*read_at) < believed
        });
        let caller = match known {
            Some((caller, _)) => caller,
            None => {
                let caller = match Unverified::read(shown) {
                    Some(token) => by_token(context, token).await?,
                    None => look_up(context.host, &digest).await.map_err(store_down)?,
                };
                let caller = caller.map(Rc::new);
                self.keys.0.borrow_mut().put(digest, (caller.clone(), context.started));
                caller
            }
        };
        let refused = |message: &str| Err(Failure::new(ErrorKind::Unauthenticated, message));
        match caller {
            None => refused("this API key is unknown"),
            Some(caller) if caller.key.disabled || caller.tenant.disabled => {
                refused("this API key is switched off")
            }
            Some(caller) if caller.key.expires_at.is_some_and(|end| end <= context.started) => {
                refused("this API key has expired")
            }
            Some(caller) if !caller.key.may_be_used_on(receive::text(context.headers, "origin")) => {
                let message =
                    "this publishable key does not work on this website: its record names those it does";
                Err(Failure::new(ErrorKind::Forbidden, message))
            }
            Some(caller) => Ok(caller),
        }
    }

    /// Lets only the operator pass.
    pub(super) async fn authenticate_admin<H: Host>(&self, context: &Context<'_, H>) -> Result<(), Failure> {
        let Some(admin) = context.host.secret(ADMIN_KEY).await else {
            let message = format!("the admin API is off: set the secret {ADMIN_KEY} on the host");
            return Err(Failure::new(ErrorKind::Forbidden, message));
        };
        match key::presented(context.headers) {
            Some(shown) if key::same(shown, admin.expose()) => Ok(()),
            Some(_) => Err(Failure::new(ErrorKind::Unauthenticated, "this is not the admin key")),
            None => {
                Err(Failure::new(ErrorKind::Unauthenticated, "no admin key: send `Authorization: Bearer …`"))
            }
        }
    }

    /// The model that `name` means to `caller`.
    pub(super) fn admit_model<H: Host>(
        &self,
        context: &Context<'_, H>,
        caller: &Caller,
        name: &str,
    ) -> Result<Rc<Model>, Failure> {
        if !caller.may_name(name) {
            let message = format!("this key may not use the model `{name}`");
            return Err(Failure {
                param: Some("model".to_owned()),
                ..Failure::new(ErrorKind::Forbidden, message)
            });
        }
        context.config.model(name).ok_or_else(|| {
            let message = format!("there is no model `{name}`: GET /v1/models lists what there is");
            Failure { param: Some("model".to_owned()), ..Failure::new(ErrorKind::ModelNotFound, message) }
        })
    }
}

/// The most characters of an end user's name that are kept as they are.
const USER: usize = 111;

/// The end user a request names: our own header, else the body's member.
pub(super) fn user(headers: &HeaderMap, named: Option<&str>) -> Option<String> {
    receive::text(headers, "sluice-user").or(named).map(|user| match user.char_indices().nth(USER) {
        None => user.to_owned(),
        // Two long names that begin alike are not one user.
        Some((at, _)) => {
            let head = user.get(..at).unwrap_or_default();
            format!("{head}~{}", key::short(user, 8))
        }
    })
}

/// The failure that a silent store means to whoever needs it.
pub(super) fn store_down(error: KvError) -> Failure {
    Failure::new(ErrorKind::StoreUnavailable, format!("the gateway's store does not answer: {error}"))
}

async fn look_up<H: Host>(host: &H, digest: &key::Digest) -> Result<Option<Caller>, KvError> {
    let Some(key) = read::<H, KeyRecord>(host, &key::store_key(digest)).await? else { return Ok(None) };
    if !key::is_name(&key.tenant) {
        return Ok(None);
    }
    let tenant = read::<H, TenantRecord>(host, &key::tenant_store_key(&key.tenant)).await?;
    // The id is the prefix of all that a tenant owns: a record under another's key is no tenant.
    Ok(tenant.filter(|tenant| tenant.id == key.tenant).map(|tenant| Caller { key, tenant, user: None }))
}

/// The caller whose end user's token is signed by one of the tenant's keys; `None` if it is by none.
async fn by_token<H: Host>(
    context: &Context<'_, H>,
    token: Unverified<'_>,
) -> Result<Option<Caller>, Failure> {
    if !key::is_name(token.tenant()) {
        return Ok(None);
    }
    let at = key::tenant_store_key(token.tenant());
    let tenant = read::<H, TenantRecord>(context.host, &at).await.map_err(store_down)?;
    let Some(tenant) = tenant.filter(|tenant| tenant.id == token.tenant()) else { return Ok(None) };
    let Some(signer) = token.key(&tenant.token_keys).cloned() else { return Ok(None) };
    let secret = match signer.secret.as_deref().and_then(|name| name.strip_prefix('$')) {
        Some(name) => {
            let secret = context.host.secret(name).await;
            if secret.is_none() {
                let (tenant, kid) = (token.tenant(), &signer.kid);
                context
                    .host
                    .log(&format!("tokens of {tenant}: key {kid} needs the secret {name}, which is not set"));
            }
            secret
        }
        None => None,
    };
    let secret = secret.as_ref().map(|secret| secret.expose().as_bytes());
    let Some(claims) = token.verified(&signer, secret) else { return Ok(None) };
    match claims.key(&signer, context.started) {
        Ok((key, user)) => Ok(Some(Caller { key, tenant, user: Some(user) })),
        Err(wrong) => Err(Failure::new(ErrorKind::Unauthenticated, wrong)),
    }
}

/// A record of the store, if it is there.
pub(super) async fn read<H: Host, T: DeserializeOwned>(host: &H, key: &str) -> Result<Option<T>, KvError> {
    let Some(bytes) = Kv::get(host, key).await? else { return Ok(None) };
    match from_bytes(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(KvError(format!(
            "the record {} cannot be read: {error}",
            key.split('/').next().unwrap_or("")
        ))),
    }
}
