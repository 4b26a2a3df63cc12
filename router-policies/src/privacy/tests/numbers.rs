//! Numbers with check digits.

use super::super::BuiltIn;
use super::{finds, passes};

#[test]
fn cards() {
    finds(
        BuiltIn::Card,
        &[
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "30569309025904",
            "3530111333300000",
            "4222222222222",
            "6200000000000005",
            "6304000000000000",
        ],
    );
    // Wrong check digit, no issuer, wrong length, mixed gaps, part of something longer.
    passes(
        BuiltIn::Card,
        &[
            "4111111111111112",
            "1111111111111117",
            "0000000000000000",
            "411111111111116",
            "4111 1111-1111 1111",
            "41111111111111110000",
            "0.4111111111111111",
            "x4111111111111111",
            "4111111111111111a",
        ],
    );
}

#[test]
fn accounts() {
    finds(
        BuiltIn::Iban,
        &[
            "GB82 WEST 1234 5698 7654 32",
            "GB82WEST12345698765432",
            "DE89370400440532013000",
            "NO9386011117947",
            "FR1420041010050500013M02606",
            "NL91 ABNA 0417 1643 00",
            "MT84MALT011000012345MTLCAST001S",
            "de89 3704 0044 0532 0130 00",
        ],
    );
    passes(
        BuiltIn::Iban,
        &[
            "GB82WEST12345698765433",
            "DE8937040044053201300",
            "ZZ89370400440532013000",
            "DE893704004405320130001",
        ],
    );
}

#[test]
fn north_america() {
    finds(
        BuiltIn::UsSsn,
        &["123-45-6789", "SSN 123456789", "123 45 6789"],
    );
    passes(
        BuiltIn::UsSsn,
        &[
            "000-45-6789",
            "666-45-6789",
            "912-45-6789",
            "123-00-6789",
            "123-45-0000",
            "078-05-1120",
            "123456789",
            "5-123-45-6789",
        ],
    );
    finds(BuiltIn::UsItin, &["912-70-1234", "itin: 912701234"]);
    passes(BuiltIn::UsItin, &["912-49-1234", "812-70-1234"]);
    finds(BuiltIn::CaSin, &["130-692-544", "SIN 130 692 544"]);
    passes(
        BuiltIn::CaSin,
        &["130-692-545", "130 692 544", "SIN 046 454 286"],
    );
}

#[test]
fn south_america_and_asia() {
    finds(
        BuiltIn::BrCpf,
        &["529.982.247-25", "52998224725", "111.444.777-35"],
    );
    passes(BuiltIn::BrCpf, &["529.982.247-26", "11111111111"]);
    finds(
        BuiltIn::InAadhaar,
        &["9999 4105 7058", "2341-2341-2346", "Aadhaar 999941057058"],
    );
    passes(
        BuiltIn::InAadhaar,
        &["9999 4105 7059", "999941057058", "1999 4105 7058"],
    );
    finds(
        BuiltIn::CnResidentId,
        &["11010519491231002X", "11010519491231002x"],
    );
    passes(
        BuiltIn::CnResidentId,
        &["110105194912310021", "11010519491331002X"],
    );
    finds(
        BuiltIn::AuTfn,
        &["TFN 123 456 782", "tax file number 123456782"],
    );
    passes(BuiltIn::AuTfn, &["123 456 782", "TFN 123 456 783"]);
}

#[test]
fn western_europe() {
    finds(
        BuiltIn::UkNino,
        &["AB123456C", "AB 12 34 56 C", "ab 12 34 56 c"],
    );
    passes(
        BuiltIn::UkNino,
        &["QQ123456C", "GB123456A", "AB123456E", "AB12345C"],
    );
    finds(
        BuiltIn::UkNhs,
        &["NHS number 943 476 5919", "nhs 9434765919"],
    );
    passes(BuiltIn::UkNhs, &["943 476 5919", "NHS 943 476 5918"]);
    finds(BuiltIn::IePps, &["1234567T", "1234567FA", "1234567TW"]);
    passes(BuiltIn::IePps, &["1234567A", "1234567"]);
    finds(
        BuiltIn::NlBsn,
        &[
            "BSN 111222333",
            "bsn: 123456782",
            "burgerservicenummer 1112.22.333",
        ],
    );
    passes(
        BuiltIn::NlBsn,
        &["111222333", "BSN 111222334", "BSN 000000000"],
    );
    finds(
        BuiltIn::BeNrn,
        &["85.07.30-033.28", "85073003328", "850730-033-28"],
    );
    passes(BuiltIn::BeNrn, &["85.07.30-033.29", "85.13.30-033.28"]);
    finds(
        BuiltIn::FrNir,
        &["2 55 08 14 168 025 38", "255081416802538"],
    );
    passes(
        BuiltIn::FrNir,
        &[
            "255081416802539",
            "955081416802538",
            "2 5 5 0 8 1 4 1 6 8 0 2 5 3 8",
        ],
    );
    finds(
        BuiltIn::DeTaxId,
        &[
            "86095742719",
            "47036892816",
            "65929970489",
            "86 095 742 719",
        ],
    );
    passes(
        BuiltIn::DeTaxId,
        &["86095742718", "12345678903", "06095742719"],
    );
}

#[test]
fn southern_and_central_europe() {
    finds(
        BuiltIn::EsDni,
        &[
            "12345678Z",
            "12345678-Z",
            "X1234567L",
            "X-1234567-L",
            "12.345.678-Z",
        ],
    );
    passes(BuiltIn::EsDni, &["12345678A", "X1234567A", "A12345678Z"]);
    finds(
        BuiltIn::ItCodiceFiscale,
        &[
            "RSSMRA85T10A562S",
            "MRTMTT25D09F205Z",
            "RSS MRA 85T10 A562S",
            "mrtmtt25d09f205z",
        ],
    );
    passes(
        BuiltIn::ItCodiceFiscale,
        &["RSSMRA85T10A562T", "RSSMRA85X10A562S"],
    );
    finds(BuiltIn::ChAhv, &["756.9217.0769.85", "7569217076985"]);
    passes(BuiltIn::ChAhv, &["756.9217.0769.84", "755.9217.0769.85"]);
    finds(BuiltIn::AtSvnr, &["1237 010180", "SVNR 1237010180"]);
    passes(BuiltIn::AtSvnr, &["1238 010180", "1237010180"]);
    finds(
        BuiltIn::PtNif,
        &["NIF 123456789", "contribuinte n.º 123 456 789"],
    );
    passes(BuiltIn::PtNif, &["123456789", "NIF 123456788"]);
    finds(BuiltIn::PlPesel, &["44051401359", "02070803628"]);
    passes(
        BuiltIn::PlPesel,
        &["44051401358", "44151401359", "440514013590"],
    );
}

#[test]
fn northern_europe() {
    finds(
        BuiltIn::SePersonnummer,
        &[
            "811218-9876",
            "19811218-9876",
            "198112189876",
            "811218+9876",
            "personnummer 8112189876",
        ],
    );
    passes(
        BuiltIn::SePersonnummer,
        &["811218-9875", "811318-9876", "8112189876"],
    );
    finds(BuiltIn::FiHetu, &["131052-308T", "131052A308T"]);
    passes(
        BuiltIn::FiHetu,
        &["131052-308U", "321052-308T", "131052/308T"],
    );
    finds(BuiltIn::NoFnr, &["15076500565", "150765 00565"]);
    passes(BuiltIn::NoFnr, &["15076500566", "15136500565"]);
}
