use super::*;

fn shown(text: &str, place: Place) -> String {
    let source = Source {
        name: "f.yaml",
        text,
    };
    let problem = Problem::new("wrong; write right").at(place);
    ConfigError::new(source, None, vec![problem]).to_string()
}

fn place(line: usize, column: usize, width: usize) -> Place {
    Place {
        line,
        column,
        width,
    }
}

#[test]
fn the_mend_follows_the_first_semicolon_outside_of_names() {
    for (text, what, help) in [
        ("wrong; right", "wrong", Some("right")),
        (
            "`a; b` is wrong; right; or left",
            "`a; b` is wrong",
            Some("right; or left"),
        ),
        ("wrong", "wrong", None),
        ("a;b", "a;b", None),
    ] {
        let problem = Problem::new(text);
        assert_eq!((problem.what(), problem.help()), (what, help), "{text}");
    }
}

#[test]
fn places_are_underlined_whatever_the_width_of_letters() {
    insta::assert_snapshot!(shown("a: b\nschlüssel: 鍵鍵 x", place(2, 12, 2)), @r"
    f.yaml:2:12: error: wrong
    2 | schlüssel: 鍵鍵 x
      |            ^^^^
      = help: write right
    ");
    insta::assert_snapshot!(shown("a:\tb c", place(1, 4, usize::MAX)), @r"
    f.yaml:1:4: error: wrong
    1 | a: b c
      |    ^^^
      = help: write right
    ");
}

#[test]
fn long_lines_are_cut_around_the_place() {
    let line = format!("{}here{}", "x".repeat(1000), "y".repeat(1000));
    let shown = shown(&line, place(1, 1001, 4));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].chars().count() < 130, "{shown}");
    let column = |line: &str, letter: char| line.chars().position(|c| c == letter).unwrap();
    assert_eq!(column(lines[1], 'h'), column(lines[2], '^'), "{shown}");
    assert!(
        lines[1].starts_with("1 | …x") && lines[1].ends_with("y…"),
        "{shown}"
    );
}

#[test]
fn nothing_of_a_file_steers_the_terminal() {
    let shown = shown("a: \u{1b}[31mred\u{202e}", place(1, 1, 1));
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert!(
        !Problem::new("`\u{1b}[2J\n`")
            .what()
            .contains(['\u{1b}', '\n'])
    );
    let endless = Problem::new("x".repeat(10_000));
    assert!(endless.what().chars().count() < 500);
}

#[test]
fn colours_are_all_that_colours_add() {
    let source = Source {
        name: "f.yaml",
        text: "a: b",
    };
    let problem = Problem::new("wrong; write right").at(place(1, 4, 1));
    let error = ConfigError::new(source, None, vec![problem.clone(), problem.with_help("x")]);
    let coloured = error.in_colour();
    let mut plain = coloured.clone();
    for code in ["\u{1b}[1m", "\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m"] {
        assert!(coloured.contains(code), "{code:?}");
        plain = plain.replace(code, "");
    }
    assert_eq!(plain, error.to_string());
}

#[test]
fn problems_come_in_the_order_of_the_file_and_not_endlessly() {
    let text = "a\n".repeat(300);
    let source = Source {
        name: "f.yaml",
        text: &text,
    };
    let problems = (1..=250)
        .rev()
        .map(|line| Problem::new("wrong").at(place(line, 1, 1)));
    let error = ConfigError::new(source, None, problems.collect());
    let said = error.to_string();
    assert!(said.starts_with("f.yaml:1:1: error: wrong"), "{said}");
    assert!(
        said.ends_with("f.yaml: 250 problems; the first 100 are shown"),
        "{said}"
    );
    assert_eq!(error.problems().len(), 250);
}
