//! Kinds without check digits.

use super::super::BuiltIn;
use super::{finds, one, passes};

#[test]
fn mail() {
    finds(
        BuiltIn::Email,
        &[
            "jane.doe@example.org",
            "j+tag@mail.example.co.uk",
            "jörg@müller.example",
            "x%40example.org",
            "<a_b@example.org>",
            "mailto:a@xn--80ak6aa92e.xn--p1ai",
        ],
    );
    passes(
        BuiltIn::Email,
        &[
            "a@b",
            "@example.org",
            "a@example.1",
            "logo@2x.png",
            "git@github.com:owner/repo.git",
            "a.@example.org",
            "react@18.2.0",
        ],
    );
}

#[test]
fn telephones() {
    finds(
        BuiltIn::Phone,
        &[
            "+49 30 901820",
            "+1 (212) 555-0123",
            "+442079460958",
            "0044 20 7946 0958",
            "(212) 555-0123",
            "212-555-0123",
            "1-212-555-0123",
            "030 12345678",
            "0171/1234567",
            "(030) 123 456 78",
            "01 23 45 67 89",
            "01.23.45.67.89",
            "phone 2125550123",
            "Tel 212 555 0123",
        ],
    );
    passes(
        BuiltIn::Phone,
        &[
            "2125550123",
            "212 555 0123",
            "112-555-0123",
            "212-055-0123",
            "05-11-2023 14:30",
            "01.02.2023 10",
            "+12345",
            "+12345678",
            "0123456789",
            "x+49 30",
            "2023-01-02",
            "0.123 456 789",
        ],
    );
}

#[test]
fn addresses() {
    finds(
        BuiltIn::IpAddress,
        &[
            "192.0.2.7",
            "10.0.0.255",
            "2001:db8::7",
            "fe80::1",
            "2001:db8:0:1:1:1:1:1",
        ],
    );
    passes(
        BuiltIn::IpAddress,
        &[
            "127.0.0.1",
            "0.0.0.0",
            "::1",
            "1.2.3.4.5",
            "v1.2.3.4",
            "256.1.1.1",
            "12:30:45",
            "a::b",
            "std::vec",
            "1.2.3.4-rc",
        ],
    );
}

// In pieces, so that nothing takes this file for a leak.
fn keys() -> Vec<String> {
    let long = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
    let keys = [
        ("sk-", "proj-", long),
        ("sk-", "ant-api03-", long),
        ("AKIA", "IOSFODNN7", "EXAMPLE"),
        ("gh", "p_", long),
        ("github", "_pat_", long),
        ("AIza", "", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"),
        ("xox", "b-", "123456789012-abc"),
        ("sk_", "live_", "a1B2c3D4e5F6g7H8"),
        ("hf", "_", "abcdefghijklmnopqrstuvwxyzABCDEF"),
        ("api_key", "=", "Zm9vYmFyYmF6cXV4"),
        ("\"clientSecret\"", ": \"", "9f86d081884c7d659a2f\""),
        ("Authorization: ", "Bearer ", "9f86d081884c7d659a2f"),
        ("DB_PASSWORD", " = '", "x9Kq2-LmZ7_pWv4R'"),
    ];
    keys.iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect()
}

#[test]
fn secrets() {
    for key in keys() {
        let hits = one(BuiltIn::ApiKey).find_all(&format!("It is {key} ."));
        assert!(!hits.is_empty(), "{key}");
    }
    passes(
        BuiltIn::ApiKey,
        &[
            "sk-short",
            "task-abcdefghijklmnopqrstuvwxyz",
            "AKIAshort",
            "api_key=short",
            "api_key=aaaaaaaaaaaaaaaaaaaa1",
            "commit=9f86d081884c7d659a2f",
            "token: a-sentence-of-words-only",
            "key=",
        ],
    );
    let begin = |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----\nMIIE");
    for kind in ["", "RSA ", "OPENSSH ", "ENCRYPTED ", "EC "] {
        assert!(
            one(BuiltIn::PrivateKey).find(&begin(kind)).is_some(),
            "{kind}"
        );
    }
    passes(
        BuiltIn::PrivateKey,
        &["-----BEGIN PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----"],
    );
    let token = [
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        "dozjgNryP4J3jVmNHl0w5N",
    ]
    .join(".");
    finds(BuiltIn::Jwt, &[&token]);
    passes(
        BuiltIn::Jwt,
        &["eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9.abc.def"],
    );
}
