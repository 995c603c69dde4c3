"""Words by which lists say what became of a model: that it stands, or that it was removed.

Data, in the languages in which lists come; what is done with them, `not_removed` knows. Words of
Latin writing are compared without case, accents and what stands between them; of other writings,
parts of words are enough. A word that could mean either is none of them.
"""

from __future__ import annotations

STANDING = (
    *("not removed", "never removed", "not deleted", "reinstated", "re instated", "restored"),
    *("unbanned", "unblocked", "reactivated", "false positive", "false alarm", "kept", "keep"),
    *("no action", "no violation", "not violating", "not a violation", "allowed", "allowlisted"),
    *("whitelisted", "allow list", "allowlist", "white list", "whitelist", "cleared", "innocent"),
    *("appeal granted", "appeal accepted", "appeal successful", "overturned", "reversed"),
    *("appeals granted", "appeals won", "appeals accepted", "successful appeal"),
    *("appeal allowed", "appeal approved", "removal reversed", "removal withdrawn", "mistake"),
    *("removed by mistake", "in error", "removed in error", "deleted by mistake", "by mistake"),
    *("removed mistakenly", "mistakenly removed", "wrongly removed", "wrongfully removed"),
    *("pending", "pending review", "under review", "in review", "on hold", "to be reviewed"),
    *("restore", "reinstate", "unremoved", "undeleted", "undelete", "unban", "unblock"),
    *("put back", "putting back", "brought back", "back up", "back on the site", "ban lifted"),
    *("leave up", "left up", "leave online", "left online", "stays up", "stay up", "relisted"),
    *("stands again", "we keep these", "we keep the following", "we keep this"),
    *("appeal won", "appeal upheld", "do not remove", "please do not remove", "don t remove"),
    *("please don t remove", "not to be removed", "must not be removed"),
    *("won t do", "won t fix", "not planned", "declined", "cancelled", "canceled", "retracted"),
    *("exonerated", "acquitted", "live again", "back online", "benign", "harmless"),
    *("dismissed", "complaint dismissed", "report dismissed", "unfounded", "unsubstantiated"),
    *("removal denied", "removal rejected", "removal declined", "takedown denied"),
    *("takedown rejected", "takedown declined", "request denied", "request rejected"),
    *("request declined", "report rejected", "complaint rejected", "not actioned"),
    *("not a match", "no match", "wrong file", "wrong model", "no further action"),
    *("ne pas supprimer", "a conserver", "sans suite", "remis en ligne", "remise en ligne"),
    *("classe sans suite", "classee sans suite", "maintenu", "maintenue", "reintegre"),
    *("reintegree", "reactive", "reactivee", "retire par erreur", "supprime par erreur"),
    *("recours accepte", "appel accepte", "demande rejetee", "plainte rejetee", "non fonde"),
    *("retabli", "retablie", "restaure", "restauree", "conserve", "conservee", "faux positif"),
    *("fausse alerte", "aucune action", "non supprime", "non retire", "en attente"),
    *("liste blanche", "en cours d examen"),
    *("nicht entfernen", "nicht loschen", "bitte nicht entfernen", "bitte nicht loschen"),
    *("wieder freigegeben", "wieder online", "wieder da", "zuruckgenommen", "reaktiviert"),
    *("wieder eingestellt", "wieder hergestellt", "wieder verfugbar", "wieder aktiv"),
    *("bleibt online", "belassen", "meldung abgelehnt", "antrag abgelehnt", "unbegrundet"),
    *("einspruch stattgegeben", "widerspruch stattgegeben", "beschwerde stattgegeben"),
    *("irrtumlich", "versehentlich", "zu unrecht", "zuruckgestellt", "keine massnahme"),
    *("wiederhergestellt", "behalten", "nicht entfernt", "nicht geloscht", "falsch positiv"),
    *("fehlalarm", "kein verstoss", "in prufung", "ausstehend", "erlaubt", "freigegeben"),
    *("no eliminar", "no retirar", "no borrar", "rehabilitado", "reactivado", "absuelto"),
    *("restablecido", "restaurado", "conservado", "falso positivo", "sin accion", "permitido"),
    *("no eliminado", "no retirado", "pendiente", "en revision", "lista blanca", "restituido"),
    *("repuesto", "reincorporado", "readmitido", "desestimado", "desestimada", "se mantiene"),
    *("mantenido", "eliminado por error", "retirado por error", "borrado por error"),
    *("apelacion aceptada", "recurso aceptado", "sin infraccion", "en espera"),
    *("restabelecido", "reposto", "reativado", "mantido", "removido por engano", "nao remover"),
    *("removido por erro", "recurso aceito", "recurso deferido", "sem violacao"),
    *("nao removido", "em analise", "pendente", "pedido indeferido"),
    *("ripristinato", "riammesso", "mantenuto", "ricorso accolto", "rimosso per errore"),
    *("non rimosso", "in attesa", "in revisione", "nessuna violazione"),
    *("przywrocony", "przywrocono", "nie usuniety", "falszywy alarm", "oczekuje"),
    *("hersteld", "behouden", "teruggeplaatst", "niet verwijderd", "vals alarm"),
    *("geri yuklendi", "kaldirilmadi", "beklemede", "khoi phuc", "dipulihkan"),
)
"""What a status, a sheet's name or a title says of models that were not removed, are not yet, or
stand again."""

STANDING_PARTS = (
    *("восстанов", "возвращ", "возврат", "оставлен", "ложное", "ложная", "ошибочно", "не удал"),
    *("не нарушает", "нет нарушен", "нарушений нет", "не подтвержд", "жалоба отклон", "ожида"),
    *("на рассмотрении", "разрешен", "апелляция удовлетвор", "відновлен", "помилков"),
    *("恢复", "恢復", "复原", "保留", "误判", "誤判", "误报", "誤報", "未删除", "未刪除", "误删"),
    *("待审", "待審", "待处理", "撤销删除", "白名单", "重新上架", "重新公开", "申诉成功"),
    *("申訴成功", "申诉通过", "未违规", "无违规", "无问题", "不予处理", "审核通过", "審核通過"),
    *("误封", "解封", "解禁", "放行", "未下架", "误下架"),
    *("復元", "復活", "復旧", "誤検", "誤削除", "削除しない", "維持", "審査中", "問題なし"),
    *("違反なし", "対応不要", "再公開", "公開継続", "取り消し", "依頼却下"),
    *("복원", "복구", "오탐", "유지", "삭제 안", "삭제하지", "검토 중", "재게시", "재공개"),
    *("이상 없음", "문제 없음", "위반 아님", "차단 해제", "보류"),
    *("إعاد", "اعاد", "أعيد", "استعاد", "استعيد", "لم يحذف", "غير محذوف", "بالخطأ", "مسموح"),
    *("قيد المراجعة", "إبقاء", "بازگرد", "بازیاب", "שוחזר", "הוחזר", "לא הוסר", "बहाल"),
    *("αποκατασταθ", "επαναφ"),
)
"""As `STANDING`, in writings that are not Latin; anywhere in a short text."""

UNSETTLED = (
    *("pending", "under review", "in review", "on hold", "to be reviewed", "won t", "not planned"),
    *("declined", "cancel", "not actioned", "no action", "no further action", "dismissed"),
    *("removal denied", "removal rejected", "removal declined", "takedown denied"),
    *("takedown rejected", "takedown declined", "request", "report", "complaint", "sans suite"),
    *("classe", "en attente", "en cours d examen", "demande rejetee", "plainte rejetee"),
    *("aucune action", "ausstehend", "in prufung", "zuruckgestellt", "meldung abgelehnt"),
    *("antrag abgelehnt", "keine massnahme", "pendiente", "en revision", "en espera"),
    *("sin accion", "desestimad", "pendente", "em analise", "pedido indeferido", "in attesa"),
    *("in revisione", "oczekuje", "beklemede"),
)
"""How those of `STANDING` begin that tell of a case and not of a model: it is not decided yet, or
another case may have decided it. The row is no removal; another row of the model may be one."""

UNSETTLED_PARTS = (
    *("на рассмотрении", "ожида", "жалоба отклон", "待审", "待審", "待处理", "不予处理", "保留"),
    *("審査中", "対応不要", "依頼却下", "검토 중", "보류", "قيد المراجعة"),
)
"""As `UNSETTLED`, of `STANDING_PARTS`."""

STANDING_ALONE = frozenset(
    {*("allow", "allows", "safe", "exceptions", "exclusions", "excluded", "ignored")}
    | {*("ausnahmen", "erlauben", "excepciones", "permitir", "exceptions a garder", "autoriser")}
)
"""What a title or a key says of such models where it is all that it says."""

REMOVED_PARTS = (
    *("remov", "delet", "taken down", "takedown", "take down", "taken_down", "banned", "blocked"),
    *("appeal dismissed", "appeal denied", "appeal rejected", "appeal failed", "appeal lost"),
    *("gone", "offline", "unavailable", "not found", "no longer available", "404", "410", "451"),
    *("dmca", "terminated", "withheld", "hidden", "introuvable", "nicht gefunden"),
    *("no disponible", "nao disponivel", "недоступ", "不存在", "已失效", "利用不可"),
    *("unpublish", "delist", "purged", "suspended", "confirmed", "upheld", "disabled"),
    *("loscht", "entfernt", "gesperrt", "supprim", "retir", "effac", "elimin", "borrad"),
    *("removid", "apagad", "excluid", "rimoss", "cancellat", "usuniet", "verwijderd"),
    *("kaldirildi", "silindi", "slettet", "borttagen", "poistet", "fjernet"),
    *("удал", "снят", "заблок", "видален", "删除", "刪除", "下架", "移除", "封禁", "屏蔽"),
    *("削除", "公開停止", "非公開", "삭제", "차단", "제거", "محذوف", "حذف", "إزال", "ازال"),
    *("הוסר", "נמחק", "हटा", "διαγραφ", "αφαιρ"),
)
"""Parts of what a status says of a model that was removed."""

SETTLED = frozenset(
    {
        *("done", "closed", "completed", "complete", "fixed", "resolved", "solved", "actioned"),
        *("yes", "true", "action taken", "valid", "erledigt", "geschlossen", "abgeschlossen"),
        *("ferme", "termine", "traite", "cerrado", "resuelto", "fechado", "resolvido", "chiuso"),
    }
)
"""What a status says of a case that is settled, where the others say how: as good as nothing."""
