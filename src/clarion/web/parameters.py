"""Parameters in paths and queries: texts that a database takes, and how much at once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import AfterValidator

from clarion.event import TEXT_LIMIT, required_text
from clarion.web.service import Service, service_of


def clean(value: str) -> str:
    return required_text("the value", value)


RecipientId = Annotated[str, AfterValidator(clean), Path(max_length=TEXT_LIMIT, examples=["bob"])]
Word = Annotated[str, AfterValidator(clean), Query(max_length=TEXT_LIMIT)]
Name = Annotated[str, AfterValidator(clean), Path(max_length=TEXT_LIMIT, examples=["email"])]
Limit = Annotated[int, Query(ge=1, le=1000)]
Parts = Annotated[Service, Depends(service_of)]
