//! The kinds of private data that the gateway knows, and their names.

use std::fmt;
use std::str::FromStr;

/// A kind of private data. The names are part of the configuration and of logs, so they never change.
///
/// "Check digits" below means that they are checked; "no check digit" means that none exists and the form decides.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BuiltIn {
    /// E-mail addresses with a dot in their domain; also with `%40` for `@`.
    Email,
    /// Telephone numbers: international ones with `+` or `00`, North American ones, and national ones that begin with
    /// 0 and are grouped. Ungrouped national ones only next to a word such as "phone". No check digit.
    Phone,
    /// Payment cards of 13 to 19 digits, by issuer prefix and length, grouped as on cards or not at all; Luhn check.
    Card,
    /// International bank account numbers, by country length; check digits modulo 97 (ISO 13616).
    Iban,
    /// US Social Security numbers, grouped 3-2-4, or ungrouped next to "SSN". No check digit.
    UsSsn,
    /// US individual taxpayer numbers, grouped 3-2-4, or ungrouped next to "ITIN". No check digit.
    UsItin,
    /// UK National Insurance numbers. No check digit.
    UkNino,
    /// UK NHS numbers next to "NHS"; check digit modulo 11.
    UkNhs,
    /// German tax identification numbers; form of the digits and check digit (ISO 7064, modulo 11, 10).
    DeTaxId,
    /// French NIR (social security numbers), Corsica included; key modulo 97.
    FrNir,
    /// Spanish DNI and NIE; check letter modulo 23.
    EsDni,
    /// Italian codice fiscale, variants for namesakes included; check letter.
    ItCodiceFiscale,
    /// Dutch BSN next to a word that names it; 11-test.
    NlBsn,
    /// Polish PESEL; date and check digit.
    PlPesel,
    /// Belgian national register numbers; date and check digits modulo 97.
    BeNrn,
    /// Swedish personnummer, coordination numbers included; date and Luhn check.
    SePersonnummer,
    /// Finnish henkilötunnus; date and check character.
    FiHetu,
    /// Norwegian fødselsnummer, D-numbers included; date and two check digits modulo 11.
    NoFnr,
    /// Swiss AHV numbers; check digit of EAN-13.
    ChAhv,
    /// Austrian social insurance numbers, grouped 4-6, or ungrouped next to a word that names them; date and check digit.
    AtSvnr,
    /// Irish PPS numbers; check letter modulo 23.
    IePps,
    /// Portuguese NIF next to a word that names it; check digit modulo 11.
    PtNif,
    /// Brazilian CPF; two check digits modulo 11.
    BrCpf,
    /// Canadian social insurance numbers, grouped with dashes, or else next to "SIN"; Luhn check.
    CaSin,
    /// Indian Aadhaar numbers, grouped 4-4-4, or ungrouped next to "Aadhaar"; Verhoeff check.
    InAadhaar,
    /// Chinese resident identity numbers; date and check character (ISO 7064, modulo 11-2).
    CnResidentId,
    /// Australian tax file numbers next to "TFN"; check modulo 11.
    AuTfn,
    /// IPv4 and IPv6 addresses, except loopback and unspecified ones. No check digit.
    IpAddress,
    /// Keys of well-known services by their prefix, and values of high entropy assigned to a name such as `api_key`.
    ApiKey,
    /// The first line of a private key in PEM form.
    PrivateKey,
    /// JSON web tokens.
    Jwt,
}

/// What other gateways and recognisers call a kind.
const ELSEWHERE: [(&str, &[&str]); 9] = [
    ("email", &["emailaddress", "mail"]),
    ("phone", &["phonenumber", "telephone", "usphone"]),
    (
        "card",
        &[
            "creditcard",
            "creditcardnumber",
            "paymentcard",
            "visa",
            "mastercard",
            "amex",
        ],
    ),
    ("iban", &["ibancode", "bankaccount"]),
    ("ip-address", &["ip", "ipv4", "ipv6"]),
    ("us-ssn", &["ssn", "socialsecuritynumber"]),
    ("api-key", &["awsaccesskey", "githubtoken", "token"]),
    ("secret", &["secrets", "credentials", "password"]),
    ("pii", &["personaldata", "personal", "gdpr"]),
];

/// Groups: a name that stands for several kinds.
const GROUPS: [(&str, &[BuiltIn]); 3] = [
    ("pii", BuiltIn::PERSONAL),
    (
        "secret",
        &[BuiltIn::ApiKey, BuiltIn::PrivateKey, BuiltIn::Jwt],
    ),
    ("national-id", BuiltIn::PERSONAL.split_at(4).1),
];

impl BuiltIn {
    /// All kinds, in order of declaration.
    pub const ALL: &'static [Self] = &[
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::UsSsn,
        Self::UsItin,
        Self::UkNino,
        Self::UkNhs,
        Self::DeTaxId,
        Self::FrNir,
        Self::EsDni,
        Self::ItCodiceFiscale,
        Self::NlBsn,
        Self::PlPesel,
        Self::BeNrn,
        Self::SePersonnummer,
        Self::FiHetu,
        Self::NoFnr,
        Self::ChAhv,
        Self::AtSvnr,
        Self::IePps,
        Self::PtNif,
        Self::BrCpf,
        Self::CaSin,
        Self::InAadhaar,
        Self::CnResidentId,
        Self::AuTfn,
        Self::IpAddress,
        Self::ApiKey,
        Self::PrivateKey,
        Self::Jwt,
    ];

    /// What identifies a person or their money. Not among them: IP addresses, which the traffic of agents is full of.
    const PERSONAL: &'static [Self] = Self::ALL.split_at(27).0;

    /// The name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::IpAddress => "ip-address",
            Self::ApiKey => "api-key",
            Self::PrivateKey => "private-key",
            Self::Jwt => "jwt",
            Self::UsSsn => "us-ssn",
            Self::UsItin => "us-itin",
            Self::UkNino => "uk-nino",
            Self::UkNhs => "uk-nhs",
            Self::DeTaxId => "de-tax-id",
            Self::FrNir => "fr-nir",
            Self::EsDni => "es-dni",
            Self::ItCodiceFiscale => "it-codice-fiscale",
            Self::NlBsn => "nl-bsn",
            Self::PlPesel => "pl-pesel",
            Self::BeNrn => "be-nrn",
            Self::SePersonnummer => "se-personnummer",
            Self::FiHetu => "fi-hetu",
            Self::NoFnr => "no-fnr",
            Self::ChAhv => "ch-ahv",
            Self::AtSvnr => "at-svnr",
            Self::IePps => "ie-pps",
            Self::PtNif => "pt-nif",
            Self::BrCpf => "br-cpf",
            Self::CaSin => "ca-sin",
            Self::InAadhaar => "in-aadhaar",
            Self::CnResidentId => "cn-resident-id",
            Self::AuTfn => "au-tfn",
        }
    }

    /// The kinds that a name stands for: one for the name of a kind, several for the name of a group (`pii`,
    /// `secret`, `national-id`), none for any other text.
    pub fn named(name: &str) -> &'static [Self] {
        let group = GROUPS.iter().find(|(group, _)| *group == name);
        match group {
            Some((_, kinds)) => kinds,
            None => Self::ALL
                .iter()
                .find(|kind| kind.as_str() == name)
                .map_or(&[], std::slice::from_ref),
        }
    }

    /// Our name for what other tools call `name`, for hints. Only letters and digits of it count.
    pub fn known_elsewhere_as(name: &str) -> Option<&'static str> {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        let wanted = letters.collect::<String>().to_ascii_lowercase();
        let entry = ELSEWHERE.iter();
        let mut entry = entry.filter(|(_, names)| names.contains(&wanted.as_str()));
        entry.next().map(|(ours, _)| *ours)
    }

    /// All names that [`named`](Self::named) knows, groups last.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let kinds = Self::ALL.iter().map(|kind| kind.as_str());
        kinds.chain(GROUPS.iter().map(|(group, _)| *group))
    }
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for BuiltIn {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let mut kinds = Self::ALL.iter();
        kinds.find(|kind| kind.as_str() == name).copied().ok_or(())
    }
}
