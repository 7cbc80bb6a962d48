namespace AdaptThenUnlearn.Reports;

/// <summary>
/// How the HTML report looks: light and dark as the reader's system is, a table becomes cards on a phone, and paper gets
/// everything, on as few pages as it takes.
/// </summary>
internal static class HtmlStyle
{
    /// <summary>The style sheet.</summary>
    public const string Sheet = """
        :root {
          color-scheme: light dark;
          --page: #f4f5f3; --card: #ffffff; --ink: #1b2024; --quiet: #5b656d; --line: #e1e5e6; --link: #1a56b8;
          --good: #177245; --good-soft: #e2f3e8; --bad: #b3261e; --bad-soft: #fbe6e3; --caution: #8a5a00; --caution-soft: #fcf1d4;
          --before: #97a3ad; --after: #2566d0;
        }
        @media screen and (prefers-color-scheme: dark) {
          :root {
            --page: #111517; --card: #1a1f23; --ink: #e4e8ea; --quiet: #9aa5ad; --line: #2d353a; --link: #8ab8ff;
            --good: #6fd39b; --good-soft: #16301f; --bad: #ff9a8f; --bad-soft: #3b1a17; --caution: #f0c264; --caution-soft: #33280e;
            --before: #7c8993; --after: #76a9ff;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
        header, section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem 1.5rem; margin: 0 0 1rem; }
        header { border-left: 6px solid var(--verdict); }
        header.good { --verdict: var(--good); } header.bad { --verdict: var(--bad); } header.caution { --verdict: var(--caution); }
        section.waived, section.warned { background: var(--caution-soft); border-color: var(--caution); } .waived h2, .waived .note, .waived th, .warned h2, .warned .note, .warned th { color: var(--caution); }
        .waived th, .waived tbody, .warned th, .warned tbody { border-color: var(--caution); }
        a { color: var(--link); }
        h1 { margin: 0 0 .4rem; font-size: 1.7rem; line-height: 1.25; }
        h1 .mark.mark { display: inline; background: none; color: var(--verdict); padding: 0; font-size: inherit; white-space: normal; }
        h2 { margin: 0 0 .8rem; font-size: 1.1rem; }
        p { margin: .4rem 0; } .description { font-size: 1.05rem; color: var(--quiet); }
        .note, .absent, figcaption { color: var(--quiet); font-size: .87rem; } .note { margin: .8rem 0 0; }
        .facts { margin: 0 0 .6rem; color: var(--quiet); font-size: .87rem; }
        .warning { background: var(--caution-soft); border-radius: 8px; padding: .6rem .9rem; margin: 0 0 1rem; }
        .warning::before { content: "⚠ "; color: var(--caution); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1rem 0 0; }
        .tiles div { background: var(--page); border-radius: 8px; padding: .6rem .9rem; min-width: 0; }
        .tiles dt { color: var(--quiet); font-size: .82rem; }
        .tiles dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
        table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
        th { text-align: left; font-weight: 600; color: var(--quiet); font-size: .82rem; vertical-align: bottom; overflow-wrap: normal; }
        th, td { padding: .45rem .9rem .45rem 0; } th:last-child, td:last-child { padding-right: 0; } td { vertical-align: top; }
        thead, tbody { border-bottom: 1px solid var(--line); } tbody:last-child { border-bottom: 0; }
        .rules td:nth-child(n+2):nth-child(-n+5), .waived td:nth-child(n+2):nth-child(-n+4), .warned td:nth-child(n+2):nth-child(-n+5), .waived td:last-child,
        .features td:nth-child(n+4), .quality td:nth-child(n+2), .shares td:nth-child(n+2) { white-space: nowrap; }
        td:first-child { min-width: 5.5rem; }
        .rules td:first-child, .mending td:first-child, .waived td:first-child, .warned td:first-child { min-width: 14rem; }
        .rules .about td { white-space: normal; padding: 0 0 .6rem; color: var(--quiet); font-size: .95em; } .about p { margin: 0; max-width: 52rem; }
        .about em { font-style: normal; font-weight: 600; }
        .rules .members td:first-child { min-width: 0; } .members { margin: .8rem 0 0; } .members summary { color: var(--quiet); font-size: .92rem; }
        code { font: .86em ui-monospace, "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace; }
        pre { margin: 0; max-height: 30rem; overflow: auto; overflow-wrap: normal; }
        .mark { display: inline-block; border-radius: 999px; padding: .05rem .6rem; font-size: .82rem; font-weight: 600; white-space: nowrap; }
        .mark::before { margin-right: .3em; }
        .good.mark { color: var(--good); background: var(--good-soft); } .good.mark::before { content: "✓"; }
        .bad.mark { color: var(--bad); background: var(--bad-soft); } .bad.mark::before { content: "✗"; }
        .caution.mark { color: var(--caution); background: var(--caution-soft); } .caution.mark::before { content: "!"; }
        figure { margin: 0 0 1rem; } figure img { max-width: 100%; height: auto; border-radius: 6px; background: #fff; }
        svg { display: block; overflow: visible; } .plot { overflow: hidden; }
        .plot text { fill: var(--ink); font-size: 13px; } .plot .name { font-weight: 600; } .plot .tick { fill: var(--quiet); font-size: 11px; }
        .plot .grid { stroke: var(--line); }
        .plot line.limit { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 5 3; } .plot text.limit { fill: var(--bad); }
        .bound { stroke-width: 2; } .before { fill: var(--before); stroke: var(--before); } .after { fill: var(--after); stroke: var(--after); }
        rect.before, rect.after { stroke: none; } rect.undesired { fill: var(--bad); } rect.before.undesired { opacity: .45; }
        .key { display: inline-block; width: .8em; height: .8em; border-radius: 3px; margin: 0 .3em 0 .9em; }
        .key.before { background: var(--before); margin-left: 0; } .key.after { background: var(--after); } .key.undesired { background: var(--bad); }
        th.bars, td.bars { width: 34%; }
        summary { cursor: pointer; } summary h2 { display: inline; } details[open] > summary { margin-bottom: .8rem; }
        .certificate { display: none; }
        @media screen and (max-width: 42rem) {
          body { padding: .75rem .6rem 2rem; } header, section { padding: 1rem; }
          thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
          table, tbody { display: block; } tr { display: block; } tbody { padding: .5rem 0; }
          td, .rules td:first-child, .mending td:first-child, .waived td:first-child, .warned td:first-child { display: grid; min-width: 0; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .6rem; padding: .12rem 0; }
          td::before { content: attr(data-column); color: var(--quiet); font-size: .82rem; }
          .rules td:nth-child(n), .waived td:nth-child(n), .warned td:nth-child(n), .features td:nth-child(n), .quality td:nth-child(n), .shares td:nth-child(n) { white-space: normal; }
          .training td, .run td, .rules .about td { display: block; } .training td::before, .run td::before, .about td::before { content: none; }
          .training td:first-child, .run td:first-child { color: var(--quiet); font-size: .82rem; }
          .tiles { grid-template-columns: 1fr 1fr; }
          td.bars { display: block; width: 100%; padding-top: .3rem; } td.bars::before { content: none; }
        }
        @media print {
          :root { color-scheme: light; font-size: 10.5px; }
          body { print-color-adjust: exact; background: none; max-width: none; padding: 0; font-size: 1rem; line-height: 1.35; }
          header, section { border: 0; border-radius: 0; padding: 0; margin: 0 0 .6rem; } header { border-left: 5px solid var(--verdict); padding-left: .8rem; }
          section.waived, section.warned, .warning { padding: .5rem .7rem; } h1 { font-size: 1.6rem; } h2 { font-size: 1.1rem; margin-bottom: .3rem; break-after: avoid; }
          th, td { padding-top: .15rem; padding-bottom: .15rem; } .rules .about td { padding-bottom: .25rem; } .about p { max-width: none; }
          .rules td:first-child, .mending td:first-child, .waived td:first-child, .warned td:first-child { min-width: 0; }
          .tiles { gap: .4rem; margin-top: .4rem; } .tiles div { padding: .25rem .5rem; } .tiles dd { font-size: 1rem; }
          .note { margin-top: .3rem; } .members td { font-size: .9em; padding-top: 0; padding-bottom: 0; } tbody, figure, .certificate { break-inside: avoid; }
          details::details-content { content-visibility: visible; block-size: auto; } summary { list-style: none; }
          figure { margin: 0 0 .5rem; } .plot { zoom: .75; } td.bars svg { zoom: .65; }
          .pictures { break-inside: avoid; display: grid; grid-template-columns: 1fr 1fr; gap: 0 .8rem; } .pictures h2, .absent { grid-column: 1 / -1; } figure img { max-height: 7cm; }
          pre { max-height: none; white-space: pre-wrap; columns: 2; font-size: .8rem; line-height: 1.25; }
          .certificate { display: block; break-after: page; border: 1px solid var(--line); padding: .5rem .8rem; line-height: 1.2; } .certificate dl { margin: 0; }
          .certificate div { display: grid; grid-template-columns: 9rem 1fr; gap: .6rem; } .certificate dt { color: var(--quiet); } .certificate dd { margin: 0; }
          dl.signature { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem 1.6rem; margin-top: 1.3rem; }
          .signature div { grid-template-columns: 5rem 1fr; } .signature dd { border-bottom: 1px solid var(--ink); }
        }
        """;

    /// <summary>For pages with a matrix: it is a table on a phone too, which can be moved sideways.</summary>
    public const string Matrix = """
        .matrix { overflow-x: auto; margin: .4rem 0 0; } .matrix table { width: auto; } .matrix tbody th { white-space: nowrap; vertical-align: baseline; }
        .matrix thead th, .matrix td { text-align: right; vertical-align: bottom; } .matrix td { min-width: 2.6rem; }
        .matrix th, .matrix td { padding: .2rem .7rem .2rem 0; } .matrix tbody td { vertical-align: baseline; }
        @media screen and (max-width: 42rem) {
          .matrix table { display: table; } .matrix tr { display: table-row; }
          .matrix thead { display: table-header-group; position: static; width: auto; height: auto; overflow: visible; clip-path: none; }
          .matrix tbody { display: table-row-group; padding: 0; } .matrix td { display: table-cell; min-width: 2.2rem; padding: .2rem .5rem .2rem 0; }
          .matrix td::before { content: none; }
        }
        @media print { .matrix { overflow: visible; } .matrix tbody th { white-space: normal; } .matrix th, .matrix td { padding: .1rem .5rem .1rem 0; } }
        """;

    /// <summary>The foot of each printed page: what it is about, and its number.</summary>
    /// <param name="title">
    /// Of the page; anything but letters, digits and a few signs is left out, because it may be anyone's.
    /// </param>
    public static string PageFoot(string title) => $$"""
        @page {
          margin: 13mm 12mm 15mm;
          @bottom-left { content: "{{string.Concat(title.Where(IsPlain))}}"; font: 8pt sans-serif; color: #5b656d; }
          @bottom-right { content: "Page " counter(page) " of " counter(pages); font: 8pt sans-serif; color: #5b656d; }
        }
        """;

    private static bool IsPlain(char character) => char.IsAsciiLetterOrDigit(character) || character is ' ' or '-' or ':';
}
