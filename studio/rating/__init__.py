"""The rater's page of a listening test, `/rate?study=NAME`, beside the studio's tabs.

It is no part of the Gradio page: a rater's browser gets one study's own configuration, the
opaque clips of its trials, and nothing of any tab, system or other study.
"""

from studio.rating.admin import AdminGate
from studio.rating.registry import Studies
from studio.rating.routes import add_rating

__all__ = ["AdminGate", "Studies", "add_rating"]
