//! Forms that issuers give their keys: a prefix, the letters behind it and how many. Facts from the issuers' own
//! documentation and what is common knowledge among scanners.

use super::{entropy, placeholder, uniform};
use crate::{
    scan::Segment,
    text::{self, Set},
};

/// Letters of a key behind its prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// `0-9a-f`, either case.
    Hex,
    /// `A-Z0-9`.
    Upper,
    /// Letters and digits.
    Alnum,
    /// Those and `_`.
    Word,
    /// Those and `-`.
    Dash,
    /// Those and `.`.
    Dots,
    /// Base64: letters, digits, `+`, `/`, `=`.
    Base64,
    /// All of the above.
    Any,
}

impl Letters {
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Dash => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dots => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Any => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+' | b'/' | b'=')
            }
        }
    }
}

/// One form of a key.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    pub(super) prefix: &'static str,
    pub(super) letters: Letters,
    pub(super) least: usize,
    pub(super) most: usize,
}

const fn rule(kind: &'static str, prefix: &'static str, letters: Letters, least: usize, most: usize) -> Rule {
    Rule { kind, prefix, letters, least, most }
}

/// The forms; of two with one prefix the longer prefix comes first.
#[rustfmt::skip]
pub(super) static RULES: &[Rule] = &[
    rule("aws_access_key_id", "AKIA", Letters::Upper, 16, 16),
    rule("aws_access_key_id", "ASIA", Letters::Upper, 16, 16),
    rule("aws_access_key_id", "ABIA", Letters::Upper, 16, 16),
    rule("aws_access_key_id", "ACCA", Letters::Upper, 16, 16),
    rule("aws_bedrock_key", "ABSK", Letters::Base64, 60, 300),
    rule("github_token", "ghp_", Letters::Alnum, 36, 255),
    rule("github_token", "gho_", Letters::Alnum, 36, 255),
    rule("github_token", "ghu_", Letters::Alnum, 36, 255),
    rule("github_token", "ghs_", Letters::Alnum, 36, 255),
    rule("github_token", "ghr_", Letters::Alnum, 36, 255),
    rule("github_fine_grained_token", "github_pat_", Letters::Word, 40, 255),
    rule("gitlab_token", "glpat-", Letters::Dash, 20, 300),
    rule("gitlab_token", "gldt-", Letters::Dash, 20, 60),
    rule("gitlab_token", "glrt-", Letters::Dash, 20, 60),
    rule("gitlab_token", "glptt-", Letters::Dash, 20, 60),
    rule("gitlab_token", "glcbt-", Letters::Dash, 20, 70),
    rule("gitlab_token", "glsoat-", Letters::Dash, 20, 60),
    rule("gitlab_token", "glagent-", Letters::Dash, 40, 70),
    rule("slack_token", "xoxb-", Letters::Dash, 20, 200),
    rule("slack_token", "xoxp-", Letters::Dash, 20, 200),
    rule("slack_token", "xoxa-", Letters::Dash, 20, 200),
    rule("slack_token", "xoxr-", Letters::Dash, 20, 200),
    rule("slack_token", "xoxs-", Letters::Dash, 20, 200),
    rule("slack_token", "xoxe-", Letters::Dash, 20, 250),
    rule("slack_token", "xapp-", Letters::Dash, 20, 200),
    rule("stripe_key", "sk_live_", Letters::Alnum, 16, 250),
    rule("stripe_key", "rk_live_", Letters::Alnum, 16, 250),
    rule("stripe_key", "sk_test_", Letters::Alnum, 16, 250),
    rule("stripe_key", "rk_test_", Letters::Alnum, 16, 250),
    rule("stripe_webhook_secret", "whsec_", Letters::Base64, 24, 120),
    rule("anthropic_key", "sk-ant-", Letters::Dash, 30, 200),
    rule("openai_key", "sk-proj-", Letters::Dash, 20, 250),
    rule("openai_key", "sk-svcacct-", Letters::Dash, 20, 250),
    rule("openai_key", "sk-admin-", Letters::Dash, 20, 250),
    rule("openrouter_key", "sk-or-v1-", Letters::Hex, 64, 64),
    rule("sluice_key", "sk-sluice-", Letters::Dash, 16, 200),
    rule("openai_key", "sk-", Letters::Alnum, 32, 64),
    rule("langfuse_key", "sk-lf-", Letters::Dash, 32, 60),
    rule("google_api_key", "AIza", Letters::Dash, 35, 35),
    rule("google_oauth_token", "ya29.", Letters::Dash, 20, 400),
    rule("google_oauth_secret", "GOCSPX-", Letters::Dash, 28, 28),
    rule("huggingface_token", "hf_", Letters::Alnum, 30, 60),
    rule("huggingface_token", "api_org_", Letters::Alnum, 30, 60),
    rule("npm_token", "npm_", Letters::Alnum, 36, 36),
    rule("pypi_token", "pypi-AgE", Letters::Dash, 50, 400),
    rule("sendgrid_key", "SG.", Letters::Dots, 40, 90),
    rule("shopify_token", "shpat_", Letters::Hex, 32, 32),
    rule("shopify_token", "shpca_", Letters::Hex, 32, 32),
    rule("shopify_token", "shppa_", Letters::Hex, 32, 32),
    rule("shopify_token", "shpss_", Letters::Hex, 32, 32),
    rule("databricks_token", "dapi", Letters::Hex, 32, 34),
    rule("digitalocean_token", "dop_v1_", Letters::Hex, 64, 64),
    rule("digitalocean_token", "doo_v1_", Letters::Hex, 64, 64),
    rule("digitalocean_token", "dor_v1_", Letters::Hex, 64, 64),
    rule("vault_token", "hvs.", Letters::Dash, 24, 200),
    rule("vault_token", "hvb.", Letters::Dash, 24, 300),
    rule("vault_token", "hvr.", Letters::Dash, 24, 200),
    rule("twilio_key", "SK", Letters::Hex, 32, 32),
    rule("mailgun_key", "key-", Letters::Hex, 32, 32),
    rule("atlassian_token", "ATATT3", Letters::Any, 60, 250),
    rule("atlassian_token", "ATCTT3", Letters::Any, 60, 250),
    rule("linear_key", "lin_api_", Letters::Alnum, 40, 40),
    rule("notion_token", "ntn_", Letters::Alnum, 40, 60),
    rule("figma_token", "figd_", Letters::Dash, 36, 60),
    rule("airtable_token", "pat", Letters::Dots, 70, 90),
    rule("postman_key", "PMAK-", Letters::Dash, 50, 70),
    rule("docker_token", "dckr_pat_", Letters::Dash, 24, 50),
    rule("docker_token", "dckr_oat_", Letters::Dash, 24, 50),
    rule("doppler_token", "dp.pt.", Letters::Alnum, 40, 50),
    rule("fly_token", "fo1_", Letters::Dash, 40, 60),
    rule("grafana_token", "glsa_", Letters::Word, 38, 60),
    rule("grafana_token", "glc_", Letters::Base64, 32, 400),
    rule("new_relic_key", "NRAK-", Letters::Alnum, 27, 27),
    rule("pulumi_token", "pul-", Letters::Hex, 40, 40),
    rule("planetscale_token", "pscale_tkn_", Letters::Dots, 30, 70),
    rule("planetscale_token", "pscale_pw_", Letters::Dots, 30, 70),
    rule("rubygems_key", "rubygems_", Letters::Hex, 48, 48),
    rule("supabase_key", "sbp_", Letters::Hex, 40, 40),
    rule("supabase_key", "sb_secret_", Letters::Dash, 22, 60),
    rule("square_token", "sq0atp-", Letters::Dash, 22, 22),
    rule("square_token", "sq0csp-", Letters::Dash, 43, 43),
    rule("square_token", "EAAA", Letters::Dash, 60, 60),
    rule("perplexity_key", "pplx-", Letters::Alnum, 40, 60),
    rule("groq_key", "gsk_", Letters::Alnum, 40, 60),
    rule("replicate_token", "r8_", Letters::Alnum, 37, 37),
    rule("xai_key", "xai-", Letters::Alnum, 60, 100),
    rule("langsmith_key", "lsv2_", Letters::Word, 36, 60),
    rule("alibaba_key", "LTAI", Letters::Alnum, 16, 24),
    rule("tencent_key", "AKID", Letters::Alnum, 32, 32),
    rule("adafruit_key", "aio_", Letters::Alnum, 28, 28),
    rule("age_key", "AGE-SECRET-KEY-1", Letters::Upper, 58, 58),
    rule("clojars_token", "CLOJARS_", Letters::Alnum, 60, 60),
    rule("contentful_token", "CFPAT-", Letters::Dash, 43, 43),
    rule("dynatrace_token", "dt0c01.", Letters::Dots, 80, 95),
    rule("easypost_key", "EZAK", Letters::Alnum, 54, 54),
    rule("flutterwave_key", "FLWSECK-", Letters::Dash, 30, 60),
    rule("frameio_token", "fio-u-", Letters::Dash, 60, 64),
    rule("heroku_key", "HRKU-", Letters::Dash, 36, 80),
    rule("hubspot_token", "pat-na1-", Letters::Dash, 36, 36),
    rule("hubspot_token", "pat-eu1-", Letters::Dash, 36, 36),
    rule("prefect_key", "pnu_", Letters::Alnum, 36, 36),
    rule("readme_key", "rdme_", Letters::Alnum, 70, 70),
    rule("sentry_token", "sntrys_", Letters::Any, 60, 400),
    rule("sentry_token", "sntryu_", Letters::Hex, 64, 64),
    rule("shippo_token", "shippo_live_", Letters::Hex, 40, 40),
    rule("brevo_key", "xkeysib-", Letters::Dash, 70, 90),
    rule("typeform_token", "tfp_", Letters::Dash, 44, 64),
    rule("onepassword_token", "ops_eyJ", Letters::Any, 100, 900),
    rule("tailscale_key", "tskey-", Letters::Dash, 24, 90),
    rule("fireworks_key", "fw_", Letters::Alnum, 22, 30),
    rule("cerebras_key", "csk-", Letters::Alnum, 40, 60),
    rule("nvidia_key", "nvapi-", Letters::Dash, 50, 90),
    rule("together_key", "tgp_v1_", Letters::Dash, 40, 60),
    rule("pinecone_key", "pcsk_", Letters::Word, 50, 90),
    rule("elevenlabs_key", "sk_", Letters::Hex, 48, 48),
    rule("jina_key", "jina_", Letters::Alnum, 50, 70),
    rule("voyage_key", "pa-", Letters::Dash, 43, 43),
    rule("cloudflare_origin_key", "v1.0-", Letters::Dash, 140, 180),
    rule("buildkite_token", "bkua_", Letters::Hex, 40, 40),
    rule("netlify_token", "nfp_", Letters::Alnum, 36, 40),
    rule("resend_key", "re_", Letters::Word, 32, 40),
    rule("posthog_key", "phx_", Letters::Alnum, 40, 60),
    rule("razorpay_key", "rzp_live_", Letters::Alnum, 14, 20),
    rule("plaid_token", "access-production-", Letters::Dash, 36, 36),
    rule("sourcegraph_token", "sgp_", Letters::Word, 40, 70),
];

/// Adds keys whose form is known.
pub(super) fn detect(segment: &Segment<'_>, add: &mut impl FnMut(&'static str, usize, usize)) {
    let run = segment.str();
    if run.len() < 16 {
        return;
    }
    let mut free = true;
    let mut skip = 0;
    // The shortest form has sixteen bytes.
    for (at, pair) in run.as_bytes().windows(2).enumerate().take(run.len() - 15) {
        let [byte, next] = *pair else { continue };
        if free && skip <= at && may_begin(byte, next) {
            let begins = 0 < at || !text::wordy(segment.before(segment.start));
            let rest = text::part(run, at, run.len());
            let unfinished =
                segment.probe && rest.starts_with("eyJ") && rest.bytes().all(|byte| Letters::Dots.has(byte));
            let found = if unfinished { Some(("jwt", rest.len())) } else { key(rest) };
            if begins && let Some((kind, length)) = found {
                add(kind, segment.start + at, segment.start + at + length);
                skip = at + length;
            }
        }
        free = byte < 128 && byte != b'_' && !Set::ALNUM.has(byte);
    }
    for (kind, start, length) in others(run) {
        let begins = !text::wordy(segment.before(segment.start + start));
        if begins {
            add(kind, segment.start + start, segment.start + start + length);
        }
    }
}

/// For each first letter of a form, the letters that may be its second: few words get past them.
static SECONDS: [[u64; 2]; 128] = seconds();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn seconds() -> [[u64; 2]; 128] {
    let mut all = [[0; 2]; 128];
    let mut at = 0;
    while at < RULES.len() {
        let prefix = RULES[at].prefix.as_bytes();
        all[prefix[0] as usize][prefix[1] as usize / 64] |= 1 << (prefix[1] % 64);
        at += 1;
    }
    all[b'e' as usize][b'y' as usize / 64] |= 1 << (b'y' % 64);
    all
}

/// Whether a form begins with these two letters.
#[inline]
fn may_begin(first: u8, second: u8) -> bool {
    let seconds = SECONDS.get(usize::from(first)).and_then(|seconds| seconds.get(usize::from(second / 64)));
    seconds.is_some_and(|seconds| seconds >> (second % 64) & 1 == 1)
}

/// The key that a text begins with, and its length.
fn key(rest: &str) -> Option<(&'static str, usize)> {
    let first = rest.as_bytes().first()?;
    if rest.starts_with("eyJ") {
        return json_web_token(rest).map(|length| ("jwt", length));
    }
    for rule in RULES.iter().filter(|rule| rule.prefix.as_bytes().first() == Some(first)) {
        let Some(behind) = rest.strip_prefix(rule.prefix) else { continue };
        let length = behind.bytes().take_while(|&byte| rule.letters.has(byte)).count();
        let trimmed = text::part(behind, 0, length).trim_end_matches(['.', '-', '_']);
        let ends = !text::wordy(text::char_at(behind, length));
        let fits =
            (rule.least..=rule.most).contains(&trimmed.len()) || (rule.least..=rule.most).contains(&length);
        if ends && fits && random(trimmed, rule) {
            return Some((
                rule.kind,
                rule.prefix.len() + if trimmed.len() < rule.least { length } else { trimmed.len() },
            ));
        }
    }
    None
}

/// Whether the part behind a prefix looks drawn at random, not written.
fn random(part: &str, rule: &Rule) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    // A short prefix such as `sk-` begins words too.
    let prefix_is_weak = rule.prefix.len() < 4;
    let least = if rule.letters == Letters::Hex || part.len() < 20 { 2.4 } else { 3.0 };
    !uniform(part)
        && !sequence(part)
        && least < entropy(part)
        && (!prefix_is_weak || 0 < digits || case_turns(part))
        && !written(part, digits)
}

/// Whether capitals and small letters change places as they do not in words.
fn case_turns(part: &str) -> bool {
    let upper = |byte: &u8| byte.is_ascii_uppercase();
    let turns =
        part.as_bytes().windows(2).filter(|pair| matches!(pair, [a, b] if upper(a) != upper(b))).count();
    part.len() / 4 <= turns
}

/// Words with signs between them: `sk-proj-your-key-goes-here`.
fn written(part: &str, digits: usize) -> bool {
    placeholder(part) && part.len() < 60
        || digits == 0
            && part.split(['-', '_', '.']).all(|word| {
                word.bytes().all(|byte| byte.is_ascii_lowercase())
                    || word.bytes().all(|byte| byte.is_ascii_uppercase())
            })
            && 2 < part.split(['-', '_', '.']).count()
}

/// Whether most letters follow their neighbours: `abcdefgh12345678`.
fn sequence(part: &str) -> bool {
    let next = part
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if *b == a.wrapping_add(1) || a == b))
        .count();
    part.len() < next * 2
}

/// The length of a JSON Web Token: three parts of base64url, the first two JSON objects.
fn json_web_token(rest: &str) -> Option<usize> {
    let part = |at: usize| {
        rest.bytes()
            .skip(at)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count()
    };
    let header = part(0);
    let claims = part(header + 1);
    let whole = 10 <= header
        && text::byte(rest.as_bytes(), header) == b'.'
        && rest.get(header + 1..).is_some_and(|claims| claims.starts_with("eyJ"))
        && 10 <= claims
        && text::byte(rest.as_bytes(), header + 1 + claims) == b'.';
    let signature = if whole { part(header + claims + 2) } else { 0 };
    (8 <= signature).then_some(header + claims + 2 + signature)
}

/// Keys that carry their mark inside: Azure AD secrets, Telegram bots, Mailchimp keys, Terraform tokens.
fn others(run: &str) -> Vec<(&'static str, usize, usize)> {
    let mut found = Vec::new();
    // The shortest of them has 36 bytes, and each has one of these signs.
    let sign = |byte: u8| matches!(byte, b'~' | b':' | b'-') || byte == b'.';
    if run.len() < 36 || !run.bytes().any(sign) {
        return found;
    }
    let dash = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let around = |mark: usize, left: usize, letters: fn(u8) -> bool| {
        let start = mark.checked_sub(left)?;
        run.as_bytes().get(start..mark)?.iter().all(|&byte| letters(byte)).then_some(start)
    };
    if memchr::memchr(b'~', run.as_bytes()).is_some()
        && let Some(mark) = text::find(run, "8Q~").or_else(|| text::find(run, "7Q~"))
        && let Some(start) = around(mark, 3, |byte| byte.is_ascii_graphic())
    {
        let behind =
            run.bytes().skip(mark + 3).take_while(|byte| dash(byte) || matches!(byte, b'.' | b'~')).count();
        if (31..=34).contains(&behind) {
            found.push(("azure_ad_secret", start, mark + 3 + behind - start));
        }
    }
    if let Some(mark) = text::find(run, ":AA") {
        let digits = run
            .bytes()
            .take(mark)
            .collect::<Vec<u8>>()
            .into_iter()
            .rev()
            .take_while(u8::is_ascii_digit)
            .count();
        let behind = run.bytes().skip(mark + 1).take_while(dash).count();
        if (8..=10).contains(&digits) && behind == 35 {
            found.push(("telegram_bot_token", mark - digits, digits + 1 + behind));
        }
    }
    if let Some(mark) = text::find(run, "-us")
        && let Some(start) = around(mark, 32, |byte| byte.is_ascii_hexdigit())
    {
        let behind = run.bytes().skip(mark + 3).take_while(u8::is_ascii_digit).count();
        if (1..=2).contains(&behind) {
            found.push(("mailchimp_key", start, 35 + behind));
        }
    }
    if let Some(mark) = text::find(run, ".atlasv1.")
        && let Some(start) = around(mark, 14, |byte| byte.is_ascii_alphanumeric())
    {
        let behind = run.bytes().skip(mark + 9).take_while(dash).count();
        if 60 <= behind {
            found.push(("terraform_token", start, 14 + 9 + behind));
        }
    }
    found
}
