//! What a model's id tells of what it takes.

/// Whose model it is, as far as its id tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kin {
    /// Anthropic's.
    Claude,
    /// Amazon's first generation.
    Nova,
    /// Amazon's second, which thinks.
    Nova2,
    /// A model that is told an effort in one flat member.
    FlatEffort,
    /// OpenAI's own models.
    Openai,
    /// Somebody else's.
    Other,
    /// The id names a profile, a router or a deployment, not a model.
    Unknown,
}

impl Kin {
    /// Whose model `id` is: `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, or an ARN with or without such a name.
    pub(super) fn of(id: &str) -> Self {
        let id = id.to_ascii_lowercase();
        let names = |word: &str| id.contains(word);
        match () {
            () if names("claude") => Self::Claude,
            () if names("nova-2") => Self::Nova2,
            () if names("amazon.nova") => Self::Nova,
            () if names("gpt-oss") || names("kimi-k2") => Self::FlatEffort,
            () if names("openai.") => Self::Openai,
            // A model's own id is its maker's name, a dot and its name.
            () if id.starts_with("arn:") && !id.rsplit('/').next().is_some_and(|last| last.contains('.')) => {
                Self::Unknown
            }
            () => Self::Other,
        }
    }

    /// Whether it keeps what stands before a cache point. Others refuse one.
    pub(super) fn caches(self) -> bool {
        matches!(self, Self::Claude | Self::Nova | Self::Nova2 | Self::Unknown)
    }

    /// Whether it may take back thoughts that Anthropic has sealed.
    pub(super) fn takes_seals(self) -> bool {
        matches!(self, Self::Claude | Self::Unknown)
    }

    /// Whether it is told that a tool has failed.
    pub(super) fn takes_status(self) -> bool {
        self.caches()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_apart() {
        for (id, kin) in [
            ("anthropic.claude-3-haiku-20240307-v1:0", Kin::Claude),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", Kin::Claude),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-opus-5",
                Kin::Claude,
            ),
            ("eu.amazon.nova-lite-v1:0", Kin::Nova),
            ("us.amazon.nova-2-lite-v1:0", Kin::Nova2),
            ("openai.gpt-oss-120b-1:0", Kin::FlatEffort),
            ("us.openai.gpt-5.6-luna", Kin::Openai),
            ("meta.llama3-70b-instruct-v1:0", Kin::Other),
            ("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-70b-instruct-v1:0", Kin::Other),
            ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama4-v1:0", Kin::Other),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123", Kin::Unknown),
        ] {
            assert_eq!(Kin::of(id), kin, "{id}");
        }
    }
}
