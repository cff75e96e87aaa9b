"""Fields of responses that are written also if they are None."""

from typing import ClassVar

from pydantic import BaseModel, SerializationInfo, SerializerFunctionWrapHandler, model_serializer


class WithNulls(BaseModel):
    """Base of responses whose None values are left out, except those that say something: null is not "unknown here"."""

    written_as_null: ClassVar[frozenset[str]] = frozenset()  # no docstring: documents list those of fields

    # A return type would take the place of the model's own schema.
    @model_serializer(mode="wrap")
    def _with_nulls(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo):  # type: ignore[no-untyped-def]  # noqa: ANN202
        fields = handler(self)
        if info.exclude_none:
            for name in self.written_as_null:
                if getattr(self, name) is None and _is_dumped(name, info):
                    fields[name] = None
        return fields


def _is_dumped(name: str, info: SerializationInfo) -> bool:
    return (info.include is None or name in info.include) and name not in (info.exclude or ())
