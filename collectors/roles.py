"""Headers of an unknown file to what its columns are for: words in English, German and Korean, and what the cells are.

A role is a guess from a name; a column that no word fits has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "start": "start begin beginn begins started von from anfang startzeit 시작 착수 발생 투입시각 투입일시 투입시간",
    "end": "end ende ends ended stop bis to until finish finished endzeit 종료 완료 복구",
    "result_at": "tested test_time result_at measured_at sampled "
    "prüfzeit prüfdatum geprüft analysis 검사일시 측정일시 시험일 분석",
    "time": "time timestamp datetime date zeit zeitstempel datum uhrzeit clock ts at 시간 시각 일시 일자 날짜",
    "lot": "lot lots batch charge los wafer coil heat sample probe lotno lot_no batch_id lot_id 로트 배치 롯트 시료",
    "lab": "lab labor laboratory prüfer inspector 검사실 검사자 실험실 시험실 분석실",
    "kind": "kind type art typ category klasse 종류 구분 유형 분류",
    "code": "code reason cause grund ursache fehlercode fault error failure mode comp component bauteil id "
    "코드 원인 고장 부품",
    "note": "note notes comment remark bemerkung kommentar beschreibung description text 비고 내용 메모",
    "asset": "asset machine equipment unit device station maschine anlage gerät engine turbine pump line linie "
    "설비 기계 장비 라인 호기 공정 펌프",
    "tag": "tag tagname sensor variable parameter signal point messstelle kanal channel name 태그 센서 항목 변수",
    "value": "value wert messwert reading val 값 측정값 계측값",
    "quality": "quality status qualität state 품질 상태",
    "setting": "setting settings setpoint sp mode condition regime recipe op operating altitude mach throttle load "
    "gear sollwert betriebsart betriebspunkt last stufe rezept 설정 모드 조건 레시피 부하",
    "cycle": "cycle cycles zyklus takt shot count index udi run 사이클 회차 순번",
}
BY_ROLE: Final = {role: frozenset(words.split()) for role, words in WORDS.items()}
KIND_WORDS: Final[Mapping[str, str]] = {
    "failure": "failure fail breakdown fault störung ausfall defekt schaden 고장 파손",
    "stop": "stop stopped standstill downtime stillstand halt pause idle 정지 중단 비가동",
    "maintenance": "maintenance maint service repair inspection cleaning wartung instandhaltung reparatur reinigung "
    "정비 보전 수리 점검 청소",
    "alarm": "alarm error warning alert warnung meldung 알람 경보",
    "mode": "mode betriebsart recipe rezept 모드",
    "product": "product produkt setup changeover rüsten umrüsten 제품 교체 기종변경",
    "shift": "shift schicht 교대 근무조",
}
CAMEL: Final = re.compile(r"(?<=[a-zäöüß])(?=[A-ZÄÖÜ])")
TOKENS: Final = re.compile(r"[a-zäöüß]+|[가-힣]+|[0-9]+", re.IGNORECASE)


def words_of(header: str) -> list[str]:
    """Return a header's words in lower case; `machineID` is two."""
    return [word.casefold() for word in TOKENS.findall(CAMEL.sub("_", header))]


def fits(header: str, role: str) -> bool:
    """Return whether a header holds a word of a role: a whole word, or in Korean a part of one."""
    return _holds(header, BY_ROLE[role])


def first_of(headers: Iterable[str], role: str) -> str | None:
    """Return the first header that fits a role, the shortest of them where several do."""
    return min((h for h in headers if fits(h, role)), key=len, default=None)


def kind_of(text: str) -> str | None:
    """Return the kind of event that a plant's own word stands for, None where no word is known."""
    return next((kind for kind, words in KIND_WORDS.items() if _holds(text, frozenset(words.split()))), None)


def _holds(text: str, words: frozenset[str]) -> bool:
    lowered = "".join(text.casefold().split())
    found = words_of(text)
    joined = "_".join(found)
    if joined in words or any(word in words or word.removesuffix("s") in words for word in found):
        return True
    return any(not word.isascii() and _is_hangul(word) and word in lowered for word in words)


def _is_hangul(word: str) -> bool:
    return "가" <= word[0] <= "힣"


def without(headers: Sequence[str], *taken: str | None) -> list[str]:
    """Return the headers that are not taken."""
    return [h for h in headers if h not in taken]
