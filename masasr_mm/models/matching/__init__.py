"""The Match & Extraction Module (Sec. 3.1, Fig. 3, Eq. 1–5)."""

from .matches import Matches, MatchMaps, match_maps
from .module import MatchExtractionModule

__all__ = ['MatchExtractionModule', 'MatchMaps', 'Matches', 'match_maps']
