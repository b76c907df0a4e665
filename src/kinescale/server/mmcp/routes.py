"""Routes of MMCP."""

from fastapi import APIRouter

router = APIRouter(tags=["MMCP"])
