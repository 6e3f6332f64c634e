"""The trace that a call belongs to, by W3C Trace Context."""

from __future__ import annotations

HEADERS = ("traceparent", "tracestate")


def trace_headers(traceparent: str) -> tuple[tuple[str, str], ...]:
    """The headers for a call. Without `traceparent` they are those of the current OpenTelemetry
    span, by the program's own propagator, if opentelemetry-api is installed."""
    if traceparent:
        return (("traceparent", traceparent),)
    try:
        from opentelemetry import propagate
    except ImportError:
        return ()
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return tuple((name, carrier[name]) for name in HEADERS if name in carrier)
