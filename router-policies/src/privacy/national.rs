//! Numbers that states give to people, each with its check where it has one.

mod americas_asia;
mod letters;
mod north;
mod south;
mod west;

use super::built_in::BuiltIn;
use super::scan::{Try, lengths};

/// How a kind is tried: at numbers whose first group has one of these lengths, and at words that begin with a letter.
type Tries = (Option<(u32, Try)>, Option<Try>);

pub(super) fn tries(kind: BuiltIn) -> Tries {
    let digits = |first: &[u8], find: Try| (Some((lengths(first), find)), None);
    match kind {
        BuiltIn::UsSsn => digits(&[3, 9], americas_asia::us_ssn),
        BuiltIn::UsItin => digits(&[3, 9], americas_asia::us_itin),
        BuiltIn::CaSin => digits(&[3, 9], americas_asia::ca_sin),
        BuiltIn::BrCpf => digits(&[3, 11], americas_asia::br_cpf),
        BuiltIn::InAadhaar => digits(&[4, 12], americas_asia::in_aadhaar),
        BuiltIn::CnResidentId => digits(&[17, 18], americas_asia::cn_resident_id),
        BuiltIn::AuTfn => digits(&[3, 9], americas_asia::au_tfn),
        BuiltIn::UkNhs => digits(&[3, 10], west::uk_nhs),
        BuiltIn::NlBsn => digits(&[3, 4, 9], west::nl_bsn),
        BuiltIn::BeNrn => digits(&[2, 6, 11], west::be_nrn),
        BuiltIn::FrNir => digits(&[1, 6, 13, 15], west::fr_nir),
        BuiltIn::DeTaxId => digits(&[2, 11], west::de_tax_id),
        BuiltIn::ChAhv => digits(&[3, 13], south::ch_ahv),
        BuiltIn::AtSvnr => digits(&[4, 10], south::at_svnr),
        BuiltIn::PtNif => digits(&[3, 9], south::pt_nif),
        BuiltIn::PlPesel => digits(&[11], south::pl_pesel),
        BuiltIn::SePersonnummer => digits(&[6, 8, 10, 12], north::se_personnummer),
        BuiltIn::FiHetu => digits(&[6], north::fi_hetu),
        BuiltIn::NoFnr => digits(&[6, 11], north::no_fnr),
        BuiltIn::IePps => digits(&[7], letters::ie_pps),
        BuiltIn::EsDni => (
            Some((lengths(&[2, 8]), letters::es_dni)),
            Some(letters::es_nie),
        ),
        BuiltIn::UkNino => (None, Some(letters::uk_nino)),
        BuiltIn::ItCodiceFiscale => (None, Some(letters::it_codice_fiscale)),
        BuiltIn::Email
        | BuiltIn::Phone
        | BuiltIn::Card
        | BuiltIn::Iban
        | BuiltIn::IpAddress
        | BuiltIn::ApiKey
        | BuiltIn::PrivateKey
        | BuiltIn::Jwt => (None, None),
    }
}

/// Whether a month has such a day; 29 February counts in every year.
fn is_day(day: u8, month: u8) -> bool {
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// The number that two digits write.
fn pair(digits: &[u8], at: usize) -> u8 {
    match digits.get(at..at + 2) {
        Some([tens, ones]) => tens * 10 + ones,
        _ => u8::MAX,
    }
}
