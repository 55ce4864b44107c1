//! The filter through which texts and streams pass: it finds, redacts, restores, flags and denies in one pass.
//!
//! One [`Filter`] per text: per choice, per tool call, per reasoning block. What it releases is final. It holds back
//! only the end of what it was given that may still become something: on average a few characters, at most
//! 256 bytes, except of a token that is known to be a secret or a link already. However the text is cut into pieces,
//! what is released in sum and what is found are the same as for the whole text.

mod json;

use std::{ops::Range, sync::Arc};

use self::json::{Place, Plain};
use crate::{
    exfiltration::Hosts,
    pii,
    redact::{self, Vault},
    scan::{Carry, Hit, LEFT, Search, Step, What},
    text,
};

/// What to do about what a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Report it.
    Flag,
    /// Put `[EMAIL]` in its place, for good.
    Mask,
    /// Put `[EMAIL_1]` in its place and keep the value, to be restored.
    Redact,
    /// Release nothing from there on.
    Deny,
}

/// What to do about placeholders such as `[EMAIL_1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placeholders {
    /// Let them pass.
    #[default]
    Ignore,
    /// Escape what looks like one: this text goes to a provider.
    Escape,
    /// Put the values back: this text came from a provider.
    Restore {
        /// Also inside links, where a value could be carried out.
        in_urls: bool,
    },
}

/// The checks of one stage and what each does.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Personal data.
    pub pii: Option<(pii::Settings, Action)>,
    /// Kinds of personal data for which something else is done.
    pub pii_actions: Vec<(pii::Kind, Action)>,
    /// Keys, tokens, passwords.
    pub secrets: Option<Action>,
    /// Links and images to hosts that are not on this list.
    pub links: Option<(Hosts, Action)>,
    /// Placeholders.
    pub placeholders: Placeholders,
    /// Whether the text is the source of JSON: it is searched without the escapes that hide a character, and values are put
    /// back with its escapes, and as strings.
    pub json: bool,
    /// Whether only what has a placeholder already is replaced: this text goes back to the provider who said it.
    pub known: bool,
}

impl Plan {
    fn search(&self) -> Search {
        Search {
            pii: self.pii.as_ref().map(|(settings, _)| settings.clone()),
            secrets: self.secrets.is_some(),
            placeholders: self.placeholders != Placeholders::Ignore,
            in_links: self.placeholders == Placeholders::Restore { in_urls: false },
            links: self.links.as_ref().map(|(hosts, _)| hosts.clone()),
        }
    }

    /// What to do about a finding; `None` where nothing looks for it.
    fn action(&self, what: What) -> Option<Action> {
        match what {
            What::Pii(kind) => {
                let own = self.pii_actions.iter().find(|(own, _)| *own == kind).map(|(_, action)| *action);
                own.or(self.pii.as_ref().map(|(_, action)| *action))
            }
            What::Secret(_) => self.secrets,
            What::Link(_) => self.links.as_ref().map(|(_, action)| *action),
            What::Placeholder { .. } => None,
        }
    }
}

/// One thing found and what was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Bytes of the text as it came in; of JSON, without the escapes that hide a character.
    pub span: Range<usize>,
    /// What it is, by a stable name such as `email`.
    pub kind: &'static str,
    /// What was done.
    pub action: Action,
}

/// What a filter releases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Text that may go on.
    pub text: String,
    /// What was found in the text settled by this call.
    pub found: Vec<Found>,
    /// Whether something was found that denies the rest. Nothing is released from there on.
    pub denied: bool,
}

/// One text passing through a [`Plan`], in pieces or whole.
#[derive(Clone, Debug)]
pub struct Filter {
    plan: Arc<Plan>,
    search: Search,
    /// Some settled text, and the text that is not settled.
    buffer: String,
    /// Bytes of `buffer` that are settled.
    settled: usize,
    /// Where `buffer` begins in the whole text.
    offset: usize,
    carry: Carry,
    plain: Plain,
    /// Where in JSON the settled text ends.
    place: Place,
    denied: bool,
}

impl Filter {
    /// A filter before its first piece.
    pub fn new(plan: Arc<Plan>) -> Self {
        let search = plan.search();
        Self {
            plan,
            search,
            buffer: String::new(),
            settled: 0,
            offset: 0,
            carry: Carry::default(),
            plain: Plain::default(),
            place: Place::default(),
            denied: false,
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str, vault: &mut Vault) -> Released {
        if self.denied {
            return Released { denied: true, ..Released::default() };
        }
        if self.search.is_empty() {
            return Released { text: piece.to_owned(), ..Released::default() };
        }
        if self.plan.json {
            self.plain.push(piece, &mut self.buffer);
        } else {
            self.buffer.push_str(piece);
        }
        self.advance(vault, false)
    }

    /// Ends the text.
    pub fn finish(&mut self, vault: &mut Vault) -> Released {
        if self.denied {
            return Released { denied: true, ..Released::default() };
        }
        self.plain.finish(&mut self.buffer);
        self.advance(vault, true)
    }

    /// What is held back, in characters.
    pub fn held(&self) -> usize {
        text::part(&self.buffer, self.settled, self.buffer.len()).chars().count()
    }

    fn advance(&mut self, vault: &mut Vault, last: bool) -> Released {
        let mut released = Released::default();
        while let Step::Take { bytes, hits } =
            self.search.step(&mut self.carry, &self.buffer, self.settled, last)
        {
            let end = self.settled + bytes;
            let mut at = self.settled;
            for hit in hits {
                released.text.push_str(text::part(&self.buffer, at, hit.range.start));
                self.pass(at, hit.range.start);
                at = hit.range.end;
                if self.replace(&hit, vault, &mut released) {
                    self.denied = true;
                    self.buffer.clear();
                    self.settled = 0;
                    released.denied = true;
                    return released;
                }
                self.pass(hit.range.start, at);
            }
            released.text.push_str(text::part(&self.buffer, at, end));
            self.pass(at, end);
            self.settled = end;
        }
        // Moving what is left costs its length, so it is done once per so many bytes.
        if 1024 < self.settled {
            let gone = text::back(&self.buffer, self.settled, LEFT + 4);
            self.buffer.drain(..gone);
            self.carry.moved(gone);
            self.settled -= gone;
            self.offset += gone;
        }
        released
    }

    fn pass(&mut self, from: usize, to: usize) {
        if self.plan.json {
            self.place.pass(text::part(&self.buffer, from, to));
        }
    }

    /// Releases what stands for a finding. True where it denies the rest.
    fn replace(&self, hit: &Hit, vault: &mut Vault, released: &mut Released) -> bool {
        let value = text::part(&self.buffer, hit.range.start, hit.range.end);
        if let What::Placeholder { in_url } = hit.what {
            match self.plan.placeholders {
                Placeholders::Escape => match self.placeholder(redact::LITERAL, value, vault) {
                    Some(placeholder) => released.text.push_str(&placeholder),
                    None => released.text.push_str(value),
                },
                Placeholders::Restore { in_urls } => {
                    match vault.value(value).filter(|_| in_urls || !in_url) {
                        Some(original) if self.plan.json => self.put(&redact::escaped(original), released),
                        Some(original) => released.text.push_str(original),
                        None => released.text.push_str(value),
                    }
                }
                Placeholders::Ignore => released.text.push_str(value),
            }
            return false;
        }
        let Some(action) = self.plan.action(hit.what) else {
            released.text.push_str(value);
            return false;
        };
        let kind = hit.what.name();
        let span = self.offset + hit.range.start..self.offset + hit.range.end;
        match action {
            Action::Flag => released.text.push_str(value),
            Action::Mask => self.put(&redact::mask(kind), released),
            Action::Redact => match self.placeholder(kind, value, vault) {
                Some(placeholder) => self.put(&placeholder, released),
                None => {
                    released.text.push_str(value);
                    return false;
                }
            },
            Action::Deny => {}
        }
        released.found.push(Found { span, kind, action });
        action == Action::Deny
    }

    /// What stands for `value`; `None` where it may stay because it is not known.
    fn placeholder(&self, kind: &'static str, value: &str, vault: &mut Vault) -> Option<String> {
        let original = self.plan.json.then(|| serde_json::from_str::<String>(&format!("\"{value}\"")).ok());
        let original = original.flatten();
        let value = original.as_deref().unwrap_or(value);
        if self.plan.known { vault.known(kind, value) } else { Some(vault.placeholder(kind, value)) }
    }

    /// Releases `text` in the place of a value. In JSON that is a string, whatever the value was.
    fn put(&self, text: &str, released: &mut Released) {
        let quote = if self.plan.json && !self.place.in_string { "\"" } else { "" };
        released.text.extend([quote, text, quote]);
    }
}

/// Passes a whole text through a plan.
pub fn apply(plan: &Arc<Plan>, text: &str, vault: &mut Vault) -> Released {
    let mut filter = Filter::new(Arc::clone(plan));
    let mut released = filter.push(text, vault);
    let rest = filter.finish(vault);
    released.text.push_str(&rest.text);
    released.found.extend(rest.found);
    released.denied |= rest.denied;
    // Nothing was found: then no escape needs to be another.
    if plan.json && released.found.is_empty() && released.text.len() < text.len() {
        let (mut plain, mut same) = (Plain::default(), String::new());
        plain.push(text, &mut same);
        plain.finish(&mut same);
        if same == released.text {
            text.clone_into(&mut released.text);
        }
    }
    released
}

#[cfg(test)]
mod tests;
