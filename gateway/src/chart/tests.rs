use super::*;

fn chart() -> Chart {
    Chart {
        title: "A <title>".to_owned(),
        description: "A line that rises & a place".to_owned(),
        x: Axis::around("across", 0.0, 1.0),
        y: Axis::around("up", 0.0, 0.07),
        series: vec![
            Series::new("line", Look::Line, [(0.0, 0.0), (0.5, 0.02), (1.0, 0.07)]),
            Series::new("limit", Look::Dotted, [(0.0, 0.02), (1.0, 0.02)]),
            Series::new("chosen", Look::Star, [(0.5, 0.02)]),
            Series::new("nothing", Look::Rings, []),
        ],
        bars: Some(Bars {
            name: "rows",
            counts: vec![0, 1, 8],
        }),
    }
}

#[test]
fn a_chart_on_a_terminal() {
    insta::assert_snapshot!(chart().to_text(50));
}

#[test]
fn terminals_are_filled_to_a_point_and_never_overrun() {
    for width in [44, 60, 80, 200] {
        let text = chart().to_text(width);
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= usize::from(width).min(90), "{width}: {widest}");
    }
    assert_eq!(chart().to_text(30), "");
}

#[test]
fn a_chart_as_svg_is_escaped_and_says_what_it_shows() {
    let svg = chart().to_svg();
    assert!(svg.contains("<title id=\"title\">A &lt;title&gt;</title>"));
    assert!(svg.contains("<desc id=\"desc\">A line that rises &amp; a place</desc>"));
    assert!(svg.contains("prefers-color-scheme:dark") && !svg.contains("nothing"));
    assert!(svg.contains("<title>8 rows</title>"));
    // The only address in it names the format.
    assert_eq!(svg.matches("http").count(), 1);
}

#[test]
fn axes_end_on_round_values() {
    let axis = Axis::around("x", 0.613, 0.957);
    assert!(
        (axis.from - 0.6).abs() < 1e-9 && (axis.to - 1.0).abs() < 1e-9,
        "{axis:?}"
    );
    let texts: Vec<String> = axis.ticks().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["60%", "70%", "80%", "90%", "100%"]);
    let flat = Axis::around("x", 0.5, 0.5);
    assert!(flat.to > flat.from);
    assert_eq!(
        Axis::around("x", 0.0, 0.007).ticks().last().unwrap().1,
        "0.8%"
    );
}

#[test]
fn thinning_keeps_both_ends() {
    let points: Vec<_> = (0..10_000).map(|i| (f64::from(i), 0.0)).collect();
    let kept = thinned(&points);
    assert!(kept.len() <= 301);
    assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
}
