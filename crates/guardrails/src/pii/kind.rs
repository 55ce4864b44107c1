//! The kinds of personal data.

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is named by `Kind::name` and explained in docs/guardrails.md")]
pub enum Kind {
    Email,
    Url,
    Phone,
    CreditCard,
    Iban,
    IpAddress,
    MacAddress,
    UsSsn,
    UsItin,
    UsNpi,
    UkNhs,
    EsNif,
    ItFiscalCode,
    PlPesel,
    BrCpf,
    InAadhaar,
    FrNir,
    DeTaxId,
    NlBsn,
    SePersonnummer,
    FiHetu,
    TrId,
    KrRrn,
    ZaId,
    CaSin,
    AuTfn,
    AuAbn,
    CnId,
    Bitcoin,
    Ethereum,
    Passport,
    DriverLicense,
    BankAccount,
    DateOfBirth,
    Address,
    Person,
}

impl Kind {
    /// Every kind, in the order of the table in the documentation.
    pub const ALL: [Self; 36] = [
        Self::Email,
        Self::Url,
        Self::Phone,
        Self::CreditCard,
        Self::Iban,
        Self::IpAddress,
        Self::MacAddress,
        Self::UsSsn,
        Self::UsItin,
        Self::UsNpi,
        Self::UkNhs,
        Self::EsNif,
        Self::ItFiscalCode,
        Self::PlPesel,
        Self::BrCpf,
        Self::InAadhaar,
        Self::FrNir,
        Self::DeTaxId,
        Self::NlBsn,
        Self::SePersonnummer,
        Self::FiHetu,
        Self::TrId,
        Self::KrRrn,
        Self::ZaId,
        Self::CaSin,
        Self::AuTfn,
        Self::AuAbn,
        Self::CnId,
        Self::Bitcoin,
        Self::Ethereum,
        Self::Passport,
        Self::DriverLicense,
        Self::BankAccount,
        Self::DateOfBirth,
        Self::Address,
        Self::Person,
    ];

    /// A stable name, for configurations, verdicts and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Url => "url",
            Self::Phone => "phone",
            Self::CreditCard => "credit_card",
            Self::Iban => "iban",
            Self::IpAddress => "ip_address",
            Self::MacAddress => "mac_address",
            Self::UsSsn => "us_ssn",
            Self::UsItin => "us_itin",
            Self::UsNpi => "us_npi",
            Self::UkNhs => "uk_nhs",
            Self::EsNif => "es_nif",
            Self::ItFiscalCode => "it_fiscal_code",
            Self::PlPesel => "pl_pesel",
            Self::BrCpf => "br_cpf",
            Self::InAadhaar => "in_aadhaar",
            Self::FrNir => "fr_nir",
            Self::DeTaxId => "de_tax_id",
            Self::NlBsn => "nl_bsn",
            Self::SePersonnummer => "se_personnummer",
            Self::FiHetu => "fi_hetu",
            Self::TrId => "tr_id",
            Self::KrRrn => "kr_rrn",
            Self::ZaId => "za_id",
            Self::CaSin => "ca_sin",
            Self::AuTfn => "au_tfn",
            Self::AuAbn => "au_abn",
            Self::CnId => "cn_id",
            Self::Bitcoin => "bitcoin",
            Self::Ethereum => "ethereum",
            Self::Passport => "passport",
            Self::DriverLicense => "driver_license",
            Self::BankAccount => "bank_account",
            Self::DateOfBirth => "date_of_birth",
            Self::Address => "address",
            Self::Person => "person",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How sure a finding of this kind is, to choose between two at one place.
    pub(crate) fn proof(self) -> u8 {
        match self {
            Self::Email | Self::Ethereum | Self::Bitcoin | Self::Iban | Self::Address => 4,
            Self::CreditCard | Self::MacAddress | Self::IpAddress | Self::CnId | Self::DateOfBirth => 3,
            Self::UsSsn
            | Self::UsItin
            | Self::UsNpi
            | Self::UkNhs
            | Self::EsNif
            | Self::ItFiscalCode
            | Self::PlPesel
            | Self::BrCpf
            | Self::InAadhaar
            | Self::FrNir
            | Self::DeTaxId
            | Self::NlBsn
            | Self::SePersonnummer
            | Self::FiHetu
            | Self::TrId
            | Self::KrRrn
            | Self::ZaId
            | Self::CaSin
            | Self::AuTfn
            | Self::AuAbn => 2,
            Self::Url
            | Self::Phone
            | Self::Passport
            | Self::DriverLicense
            | Self::BankAccount
            | Self::Person => 1,
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Every kind.
    pub fn all() -> Self {
        Kind::ALL.into_iter().fold(Self::NONE, Self::with)
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// These without one.
    #[must_use]
    pub fn without(self, kind: Kind) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    /// Whether a kind is in the set.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl Default for Kinds {
    /// All that has a form or a check digit or a word that names it; not links, bank accounts, addresses and names,
    /// which are guesses or too common.
    fn default() -> Self {
        [Kind::Url, Kind::BankAccount, Kind::Address, Kind::Person]
            .into_iter()
            .fold(Self::all(), Self::without)
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<T: IntoIterator<Item = Kind>>(kinds: T) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}
