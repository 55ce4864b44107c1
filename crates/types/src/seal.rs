//! Seals over thoughts: signatures and encrypted thoughts that only their maker can check, and takes back only unchanged.
//!
//! A seal travels as text in whatever member the caller's protocol has for one, so its text says who made it: Anthropic's
//! stand bare (they are base64), any other is written `maker:data`. A format writes a seal of its own maker bare, and
//! sends none but those to a provider.
//!
//! A thought without text whose seal is another maker's stands right before the part it belongs to: Gemini seals calls and
//! texts, not thoughts alone.

use crate::json::Str;

/// Who makes seals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// Claude, wherever it runs.
    Anthropic,
    /// Gemini's `thoughtSignature`.
    Google,
    /// A reasoning item of Responses: its id, a colon, its encrypted content.
    Openai,
}

impl Maker {
    const OTHERS: [(Self, &str); 2] = [(Self::Google, "google:"), (Self::Openai, "openai:")];

    /// Who made `seal`.
    pub fn of(seal: &str) -> Self {
        Self::OTHERS
            .into_iter()
            .find(|(_, prefix)| seal.starts_with(prefix))
            .map_or(Self::Anthropic, |(maker, _)| maker)
    }

    /// How seals of makers other than Anthropic begin.
    pub fn foreign_prefixes() -> impl Iterator<Item = &'static str> {
        Self::OTHERS.into_iter().map(|(_, prefix)| prefix)
    }

    /// This maker's own text of `seal`; `None` if another made it.
    ///
    /// # Examples
    ///
    /// ```
    /// use sluice_types::seal::Maker;
    /// assert_eq!(Maker::Google.bare("google:c2ln"), Some("c2ln"));
    /// assert_eq!(Maker::Anthropic.bare("google:c2ln"), None);
    /// assert_eq!(Maker::Anthropic.bare("c2ln"), Some("c2ln"));
    /// ```
    pub fn bare(self, seal: &str) -> Option<&str> {
        (Self::of(seal) == self).then(|| seal.get(self.prefix().len()..).unwrap_or_default())
    }

    /// The seal that this maker's `bare` text is.
    pub fn seal(self, bare: Str<'_>) -> Str<'_> {
        match self.prefix() {
            "" => bare,
            prefix => format!("{prefix}{bare}").into(),
        }
    }

    /// What `seal` is called in a protocol whose own seals are this maker's.
    pub fn told(self, seal: &str) -> &str {
        self.bare(seal).unwrap_or(seal)
    }

    /// The seal that a protocol whose own seals are this maker's calls `told`.
    pub fn heard(self, told: Str<'_>) -> Str<'_> {
        if Self::of(&told) == Self::Anthropic { self.seal(told) } else { told }
    }

    fn prefix(self) -> &'static str {
        Self::OTHERS.into_iter().find(|(maker, _)| *maker == self).map_or("", |(_, prefix)| prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_keeps_its_maker_on_every_way() {
        for maker in [Maker::Anthropic, Maker::Google, Maker::Openai] {
            let seal = maker.seal("c2ln+/=".into());
            assert_eq!((Maker::of(&seal), maker.bare(&seal)), (maker, Some("c2ln+/=")));
            for protocol in [Maker::Google, Maker::Openai] {
                let told = protocol.told(&seal);
                assert_eq!(told == "c2ln+/=", protocol == maker || maker == Maker::Anthropic);
                if maker != Maker::Anthropic {
                    assert_eq!(protocol.heard(told.into()), seal);
                }
            }
        }
    }
}
