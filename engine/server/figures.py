"""The server's figures for Prometheus. They need the key, as everything does: behind a proxy all calls seem local.

In Prometheus: `authorization: {credentials: KEY}` in the scrape config.
"""

from fastapi import Response

from engine.server.routing import ServicesOf, resource

router = resource("health")
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
async def figures(services: ServicesOf) -> Response:
    """Counters and times of this server process, in the text format of Prometheus."""
    return Response(services.metrics.text(), media_type=MEDIA_TYPE)
