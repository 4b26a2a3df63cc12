use proptest::prelude::*;

use super::*;

#[test]
fn a_date_an_id_or_a_link_keeps_the_family() {
    for (one, other) in [
        (
            "Today is 2026-11-24. Answer.",
            "Today is 2027-01-03. Answer.",
        ),
        (
            "Today is Tuesday, November 24, 2026.",
            "Today is Friday, May 1, 2026.",
        ),
        ("Today is Tue 24 Nov 2026", "Today is Wed 1 Jan 2031"),
        (
            "Now: 2026-11-24T10:05:00Z go",
            "Now: 2026-01-02T23:59:59.123Z go",
        ),
        ("It is 9:05 am.", "It is 11:59 PM."),
        ("the 1st of June", "the 22nd of July"),
        (
            "session 6f1c2a9e-7c1b-4b9e-9c55-0123456789ab ends",
            "session 00000000-0000-0000-0000-000000000000 ends",
        ),
        ("commit 1a2b3c4d5e6f, then", "commit 99887766554433, then"),
        (
            "See https://a.example/x?y=1 for more",
            "See http://b.example/ for more",
        ),
        ("You  are\n\thelpful.", "You are helpful. "),
        (
            "You have 3 tools and 1,024 tokens.",
            "You have 12 tools and 512 tokens.",
        ),
        (
            "Mon, 24 Nov 2026 10:00:00 UTC",
            "Tue, 2 Jun 2026 1:00:00 UTC",
        ),
    ] {
        assert_eq!(normalised(one), normalised(other));
        assert_eq!(prompt_family(one), prompt_family(other));
    }
}

#[test]
fn another_wording_is_another_family() {
    for (one, other) in [
        ("Answer yes or no.", "Answer yes or no, politely."),
        ("Answer yes or no.", "Answer Yes or no."),
        ("You may decline.", "You must decline."),
        (
            "Today is 2026-11-24. Be brief.",
            "Today is 2026-11-24. Be thorough.",
        ),
        ("Use the maybe tool", "Use the march tool"),
        ("deadbeef", "beefdead"),
        ("", "x"),
        ("Marching", "Mayor"),
    ] {
        assert_ne!(prompt_family(one), prompt_family(other), "{one} / {other}");
    }
}

#[test]
fn what_stays_is_what_was_documented() {
    let text = "On Tue, 24 Nov 2026 10:00 UTC, a1 asked (https://x.example/y) for B2 in v10.";
    assert_eq!(normalised(text), "On 0, a0 asked (0) for B0 in v0.");
    assert_eq!(normalised("no numbers here"), "no numbers here");
    assert_eq!(normalised("May I? In May 2026."), "0 I? In 0.");
}

proptest! {
    #[test]
    fn any_text_has_a_family_and_dates_in_it_do_not_matter(
        before in "\\PC{0,40}",
        year in 1000_u32..9999,
        month in 1_u32..=12,
        day in 1_u32..=28,
    ) {
        let dated = |y: u32, m: u32, d: u32| prompt_family(&format!("{before} on {y}-{m:02}-{d:02} do it"));
        prop_assert_eq!(dated(year, month, day), dated(2026, 11, 24));
        let once = normalised(&before);
        prop_assert_eq!(&normalised(&once), &once, "what is normal stays as it is");
    }
}
