"""The JSON Schema of `tocsin.yaml`, for completion and checks in editors.

`python -m engine.config.schema > engine/tocsin.schema.json` writes it anew; a test holds the file against the models.
"""

from __future__ import annotations

import json
import sys
from datetime import time, timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from engine.core.policy import Config
from engine.core.spans import format_span


class ConfigSchema(GenerateJsonSchema):
    """Defaults as one writes them in the file, names of entries held to their pattern, and one title for the whole."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        return {"$schema": self.schema_dialect, **super().generate(schema, mode), "title": "Tocsin configuration"}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return {**made, "additionalProperties": False} if "patternProperties" in made else made

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_span(dft)
        return f"{dft:%H:%M}" if isinstance(dft, time) else super().encode_default(dft)


def schema_text() -> str:
    """The content of `engine/tocsin.schema.json`."""
    schema = Config.model_json_schema(schema_generator=ConfigSchema)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
