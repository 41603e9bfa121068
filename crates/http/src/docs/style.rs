//! The one style of all pages.

pub(super) const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2126; --soft: #5b6670; --line: #dfe3e7; --paper: #ffffff; --tint: #f5f7f9;
  --link: #0b62b8; --get: #0b6b50; --post: #1d5bbf; --put: #8a5a00; --delete: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --soft: #9aa5b0; --line: #333b43; --paper: #14181c;
  --tint: #1c2227; --link: #7bb8f5; --get: #5fcfa9; --post: #86b4ff; --put: #e0b25c; --delete: #ff8f86; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: .875em; }
.page { display: grid; grid-template-columns: 19rem minmax(0, 1fr); max-width: 84rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 2rem 1.5rem;
  border-right: 1px solid var(--line); font-size: .875rem; }
nav h2 { margin: 1.25rem 0 .35rem; font-size: .75rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li { margin: .1rem 0; }
nav li a { display: flex; gap: .6rem; align-items: baseline; padding: .12rem 0; color: var(--ink); }
main { padding: 1.5rem 2.5rem 6rem; min-width: 0; }
h1 { margin: 0 0 .5rem; font-size: 1.9rem; line-height: 1.2; }
main h2 { margin: 3rem 0 0; font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); }
h3 { margin: 0 0 .4rem; font-size: 1.25rem; line-height: 1.3; } h3 a { color: inherit; }
h4 { margin: 1.4rem 0 .4rem; font-size: .875rem; color: var(--soft); font-weight: 600; }
section { padding: 1.6rem 0 1.9rem; border-bottom: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 46rem; }
.method { font: 600 .75rem/1.4 ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; min-width: 4.2em; flex: none; display: inline-block; }
.GET { color: var(--get); } .POST { color: var(--post); } .PUT, .PATCH { color: var(--put); } .DELETE { color: var(--delete); }
.place { margin: .15rem 0; } .place code { overflow-wrap: anywhere; } .place b { font-weight: 600; color: var(--link); }
.soft, .note { color: var(--soft); } .note { font-size: .875rem; }
pre { margin: .4rem 0; padding: .8rem 1rem; background: var(--tint); border: 1px solid var(--line); border-radius: 6px;
  overflow-x: auto; line-height: 1.5; }
p code, td code, li code { background: var(--tint); padding: .08em .3em; border-radius: 4px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td:first-child { white-space: nowrap; } td:first-child code { background: none; padding: 0; }
.required { color: var(--delete); font-size: .75rem; margin-left: .4rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); margin: 1.5rem 0; }
.card { border: 1px solid var(--line); border-radius: 8px; padding: 1.1rem 1.25rem; }
.alone { max-width: 56rem; margin: 0 auto; padding: 3rem 2rem; }
@media (max-width: 56rem) { .page { display: block; } nav { position: static; height: auto; border: 0;
  border-bottom: 1px solid var(--line); padding: 1rem 1.25rem; } main { padding: 1.25rem 1.25rem 4rem; } }
@media print { nav { display: none; } .page { display: block; } section { break-inside: avoid; } }
";
