use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Tree {
    let (tree, repeated) = Tree::parse(text).unwrap();
    assert_eq!(repeated, []);
    tree
}

/// The only problem of a text: its place and what it says.
fn problem(text: &str) -> ((usize, usize), String) {
    let problems = match Tree::parse(text) {
        Ok((_, repeated)) => repeated,
        Err(problems) => problems,
    };
    assert_eq!(problems.len(), 1, "{problems:?}");
    (problems[0].position().unwrap(), problems[0].to_string())
}

fn located(text: &str, path: &str) -> (usize, usize, usize) {
    let place = tree(text).locate(path);
    (place.line, place.column, place.width)
}

const FILE: &str = "\
upstreams:
  large:
    prices: { gpt-4.1: { input: \"2\" }, gpt-4: { input: x } }
routes:
  - name: a
    local: { model: small, answer: { one_of: [yes, no] } }
  - name: b
    cache:
";

#[test]
fn paths_lead_to_values_or_to_the_nearest_thing_there_is() {
    for (path, place) in [
        ("", (1, 1, 9)),
        ("upstreams.large.prices.gpt-4.1.input", (3, 33, 3)),
        ("upstreams.large.prices.gpt-4.input", (3, 56, 1)),
        ("routes[0].name", (5, 11, 1)),
        ("routes[0].local.model", (6, 21, 5)),
        ("routes[0].local.answer.one_of[1]", (6, 52, 2)),
        // Lists and maps are shown at their keys.
        ("routes[0].local", (6, 5, 5)),
        ("routes[1]", (7, 5, 4)),
        // What is missing, at what it is missing in.
        ("routes[0].upstream.name", (5, 5, 4)),
        ("routes[0].local.deadline", (6, 5, 5)),
        ("routes[1].cache", (8, 5, 5)),
        ("routes[7].name", (4, 1, 6)),
        ("nowhere", (1, 1, 9)),
    ] {
        assert_eq!(located(FILE, path), place, "{path}");
    }
}

#[test]
fn repeated_keys_name_both_places() {
    let (position, said) = problem("a: 1\nb: { c: 1, 'c': 2 }\n");
    assert_eq!(position, (2, 12));
    assert_eq!(said, "the key `c` is written twice; keep one of them");
}

#[test]
fn merges_add_what_is_not_there() {
    let text = "x: &x { a: 1, b: 2 }\ny: &y { b: 3, c: 4 }\nz: { <<: [*x, *y], a: 0 }\n";
    let tree = tree(text);
    let z = tree.entries(tree.root())[2].value;
    let entries = tree.entries(z).iter();
    let pairs: Vec<_> = entries
        .map(|e| (tree.text(e.key), tree.text(e.value)))
        .collect();
    assert_eq!(pairs, [("a", "0"), ("b", "2"), ("c", "4")]);
    let (position, said) = problem("a: { <<: 1 }");
    assert_eq!(position, (1, 10));
    assert!(said.contains("`<<`"), "{said}");
}

#[test]
fn limits_hold_and_say_where() {
    let bomb = |width: usize| {
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..9 {
            let all = vec![format!("*a{}", level - 1); width].join(", ");
            text += &format!("a{level}: &a{level} [{all}]\n");
        }
        text
    };
    let (position, said) = problem(&bomb(10));
    assert_eq!(position.0, 6, "{said}");
    assert!(
        said.contains("aliases up to this one stand for more than 100000 values"),
        "{said}"
    );
    assert!(Tree::parse(&bomb(2)).is_ok());

    let (position, said) = problem(&("[".repeat(200) + &"]".repeat(200)));
    assert_eq!(position, (1, MAX_DEPTH + 1));
    assert!(said.contains("nested more than 48 deep"), "{said}");
    let many = build::build("a: [b, b, b, b]", 4).unwrap_err();
    assert_eq!(many[0].position(), Some((1, 14)));
    assert_eq!(
        many[0].to_string(),
        "the file has more than 4 values; divide it"
    );
    let (position, said) = problem(&"# comment\n".repeat(900_000));
    assert_eq!(position, (838_861, 1));
    assert!(said.contains("larger than 8 MiB"), "{said}");
}

#[test]
fn what_is_yaml_but_not_ours_is_told_so() {
    for (text, position, part) in [
        ("", (1, 1), "the file is empty"),
        ("# only a comment\n", (1, 1), "the file is empty"),
        ("a: 1\n---\nb: 2\n", (2, 1), "a second document"),
        ("a: !secret b\n", (1, 4), "tags such as `!name`"),
        ("a: !!int 1\n", (1, 4), "tags such as `!name`"),
        ("a:\n\tb: 1\n", (2, 1), "replace the tabs by spaces"),
        ("a: &a [*a]\n", (1, 8), "a value cannot contain itself"),
        ("? [a, b]\n: 1\n", (1, 3), "cannot be a key"),
    ] {
        let (at, said) = problem(text);
        assert_eq!(at, position, "{text:?}: {said}");
        assert!(said.contains(part), "{text:?}: {said}");
    }
}

#[test]
fn errors_of_syntax_lie_within_the_file() {
    for text in [
        "a: [b",
        "a: \"b",
        "a: b: c",
        "a: |x",
        "- a\nb: c",
        "*a",
        "a: 'b",
        "{",
        "%",
        "@",
        "\u{feff}{",
    ] {
        let (position, said) = problem(text);
        assert!(
            (1..=text.lines().count()).contains(&position.0),
            "{text:?}: {position:?} {said}"
        );
        assert!(!said.is_empty(), "{text:?}");
    }
}

proptest! {
    /// Whatever a path says, its place is in the file.
    #[test]
    fn any_path_has_a_place(path in "[a-z.\\[\\]0-9]{0,30}") {
        let place = tree(FILE).locate(&path);
        prop_assert!((1..=FILE.lines().count()).contains(&place.line));
    }
}

#[test]
fn lines_end_where_yaml_says() {
    let all = |text| lines(text).collect::<Vec<_>>();
    assert_eq!(
        all("a\nb\r\nc\rd\r\r\n\ne"),
        ["a", "b", "c", "d", "", "", "e"]
    );
    assert_eq!(all("a\n"), ["a"]);
    assert_eq!(all("\r\n"), [""]);
    assert_eq!(all(""), [""; 0]);
}
