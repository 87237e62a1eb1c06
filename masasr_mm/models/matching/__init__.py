"""The Match & Extraction Module (Sec. 3.1, Fig. 3, Eq. 1–5), a stage a file."""

from .match_maps import MatchMaps, match_maps
from .matches import Matches
from .module import MatchExtractionModule

__all__ = ['MatchExtractionModule', 'MatchMaps', 'Matches', 'match_maps']
