"""The figures in a table for people."""

from __future__ import annotations

from typing import Any

TAX_GOAL = 0.88
MEMORY_GOAL = 100
OPEN_GOAL = 50


def table(found: dict[str, Any]) -> str:
    lines = [heading(found), ""]
    head = (
        "page",
        "contender",
        "req/s",
        "p50 ms",
        "p95 ms",
        "web cpu",
        "db cpu",
        "statements",
        "bytes",
        "ratio",
        "by cpu",
        "goal",
    )
    rows: list[tuple[str, ...]] = [head]
    for page in found["pages"]:
        for place, (name, figures) in enumerate(page["contenders"].items()):
            mine = name == "product"
            rows.append(
                (
                    page["words"] if place == 0 else "",
                    name,
                    f"{figures['per_second']:.0f}",
                    f"{figures['p50_ms']:.1f}",
                    f"{figures['p95_ms']:.1f}",
                    f"{figures['web_cpu_ms']:.1f}",
                    f"{figures['database_cpu_ms']:.1f}",
                    f"{figures['statements']} ({figures['before_view']} before the view)",
                    f"{figures['bytes']}",
                    f"{page['ratio']:.2f}" if mine else "",
                    f"{page['by_cpu']:.2f}" if mine else "",
                    _goal(page) if mine else "",
                )
            )
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    for number, row in enumerate(rows):
        if number and row[0]:
            lines.append("")
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    lines += [
        "",
        "ratio: requests a second of the portal by those of the floor, in this run. cpu: ms a request.",
        "by cpu: processor time (web, database) of the floor by that of the portal; it holds on a busy machine too.",
        "",
    ]
    lines += list(_rest(found))
    return "\n".join(lines)


def heading(found: dict[str, Any]) -> str:
    facts, machine = found["facts"], found["machine"]
    return (
        f"{facts['threads']:,} threads, {facts['messages']:,} messages, {facts['events']:,} events; "
        f"{machine['cores']} cores, PostgreSQL {machine['postgres']}, Python {machine['python']}, "
        f"{found['clients']} clients, {found['workers']} workers; load {machine['load']} when it began"
    )


def _goal(page: dict[str, Any]) -> str:
    ratio, goal, then = page["ratio"], page["goal"], page["next_goal"]
    if ratio >= then:
        return f"≥ {goal} met, ≥ {then} met"
    return f"≥ {goal} {'met' if ratio >= goal else 'MISSED'}, then ≥ {then}"


def _rest(found: dict[str, Any]) -> Any:
    send = next((page for page in found["pages"] if page["key"] == "send"), None)
    if send and "ratio_to_bare_floor" in send:
        yield (
            "Send against a floor that tells nobody and makes no work: "
            f"{send['ratio_to_bare_floor']:.2f}, by cpu {send['by_cpu_to_bare_floor']:.2f}"
        )
    taxed = [page for page in found["pages"] if "tax" in page]
    if taxed:
        said = ", ".join(
            f"{page['key']} {page['tax']:.2f} (by cpu {page['tax_by_cpu']:.2f})" for page in taxed
        )
        yield f"Security tax, the page by itself without seal and audit (goal ≥ {TAX_GOAL}): {said}"
    own = found["own"]
    yield (
        f"A message of 1 KB opens in {own['open_1kb_us']} µs of our own time (goal < {OPEN_GOAL}); "
        f"50 of them in {own['open_50_us']} µs; one is sealed in {own['seal_1kb_us']} µs"
    )
    team = next((page for page in found["pages"] if page["key"] == "team"), None)
    if team and "engine" in team:
        yield (
            f"Template engine on the team inbox: Jinja2 {own['jinja2_us']:.0f} µs, "
            f"Django templates {own['django_templates_us']:.0f} µs a page; the whole page is "
            f"{team['engine']:.2f} times as fast in Jinja2, by cpu {team['engine_by_cpu']:.2f}"
        )
    if "memory" in found:
        kept = found["memory"]
        yield (
            f"Web workers after {kept['requests']:,} mixed requests: {_mb(kept['end_mb'])} MB "
            f"(start {_mb(kept['start_mb'])}, half-way {_mb(kept['half_mb'])}; goal ≤ {MEMORY_GOAL}), "
            f"{kept['kb_a_request_in_second_half']} KB a request in the second half"
        )
    for growth in found.get("growth", ()):
        yield (
            f"Growth, {growth['words']}: p50 {growth['p50']:.2f}, p95 {growth['p95']:.2f} (goal ≤ 1.2), "
            f"statements {growth['statements']}"
        )


def _mb(each: list[float]) -> str:
    return " and ".join(f"{one:.0f}" for one in each)
