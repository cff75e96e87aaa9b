"""Parameters that others add to an address: notes of campaigns and clicks, and cache busters. They mean nothing here.

From the lists by which Firefox (Query Parameter Stripping), Brave and ClearURLs clean addresses, without the names that
might mean something, such as `ref`, `campaign` or `cid`.
"""

PREFIXES = ("utm_", "mtm_", "pk_", "piwik_", "matomo_", "hsa_")  # Urchin and Google, Matomo, HubSpot
CLICKS = """
    gclid gclsrc dclid gbraid wbraid gad_source gad_campaignid srsltid _ga _gl
    fbclid igsh igshid msclkid yclid ysclid _openstat ttclid twclid li_fat_id epik rdt_cid sccid qclid
    s_cid s_kwcid ef_id _branch_match_id _branch_referrer wickedid rb_clickid irclickid
"""
LETTERS = """
    mc_cid mc_eid _hsenc _hsmi __hssc __hstc __hsfp hsctatracking mkt_tok _kx __s vero_id vero_conv
    oly_anon_id oly_enc_id ml_subscriber ml_subscriber_hash
"""
CACHE_BUSTERS = "_ _t _ts cb cachebuster"  # the first is jQuery's `cache: false`
TRACKERS = frozenset(f"{CLICKS} {LETTERS} {CACHE_BUSTERS}".split())


def is_tracker(name: str) -> bool:
    """Return whether a parameter of that name, in any case, is ignored."""
    lower = name.lower()
    return lower in TRACKERS or lower.startswith(PREFIXES)
