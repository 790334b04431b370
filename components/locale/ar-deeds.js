export default {
  search: 'البحث في الإشعارات', group: 'تجميع حسب الموضوع',
  category: 'الفئة', anyCategory: 'كل الفئات',
  older_failed: 'تعذر تحميل الأقدم.',
  filtered: 'لا نتائج', filtered_text: 'لا إشعار يطابق عوامل التصفية.', unfilter: 'إزالة التصفية',
  act_unsnooze: 'إعادته الآن', act_read: 'تعليم كمقروء', act_unread: 'تعليم كغير مقروء', act_why: 'لماذا وصلني هذا؟', act_mute: 'كتم الموضوع', act_delete: 'حذف',
  laterToday: 'لاحقًا اليوم', thisEvening: 'هذا المساء', tomorrow: 'غدًا', weekend: 'نهاية الأسبوع', nextWeek: 'الأسبوع القادم', pickTime: 'التاريخ والوقت', future: 'اختر وقتًا قادمًا', undo: 'تراجع', undone: 'تم التراجع',
  did_done: { one: 'أُنجز: {title}', other: 'أُنجز {n}' }, did_undone: { one: 'عاد إلى الوارد: {title}', other: 'عاد {n} إلى الوارد' }, did_read: { one: 'قُرئ: {title}', other: 'قُرئ {n}' }, did_unread: { one: 'غير مقروء: {title}', other: '{n} غير مقروء' }, did_save: { one: 'حُفظ: {title}', other: 'حُفظ {n}' }, did_unsave: { one: 'لم يعد محفوظًا: {title}', other: '{n} لم تعد محفوظة' }, did_snooze: { one: 'أُجّل: {title}', other: 'أُجّل {n}' }, did_delete: { one: 'حُذف: {title}', other: 'حُذف {n}' },
  did_mute: 'كُتم: {title}', did_readAll: { other: 'عُلّم {n} كمقروء: {which}' }, others: { one: 'وواحد آخر', two: 'واثنان آخران', few: '{n} أخرى', many: '{n} أخرى', other: '{n} أخرى' },
  failed_done: 'تعذر إنجاز «{title}».', failed_undone: 'تعذرت إعادة «{title}».', failed_read: 'تعذر تعليم «{title}» كمقروء.', failed_unread: 'تعذر تعليم «{title}» كغير مقروء.', failed_save: 'تعذر حفظ «{title}».', failed_unsave: '«{title}» ما زال محفوظًا.', failed_snooze: 'تعذر تأجيل «{title}».', failed_unsnooze: '«{title}» ما زال مؤجلًا.', failed_delete: 'تعذر حذف «{title}».', failed_undelete: 'تعذرت استعادته.', failed_mute: 'تعذر كتم الموضوع.', failed_unmute: 'ما زال الموضوع مكتومًا.', failed_readAll: 'تعذر تعليمها كمقروءة.', failed_why: 'تعذر تحميل السبب.', failed_stop: 'تعذر إيقافه.', stopped: 'تم: لن يصلك المزيد منها.',
  key_move: 'التالي، السابق', key_open: 'فتح', key_done: 'منجز', key_save: 'حفظ', key_snooze: 'تأجيل', key_read: 'تعليم كمقروء', key_unread: 'تعليم كغير مقروء', key_mute: 'كتم الموضوع', key_why: 'لماذا وصلني هذا؟', key_showThread: 'عرض الموضوع', key_undo: 'تراجع', key_search: 'بحث', key_help: 'هذه الاختصارات',
  mailToo: 'هل تريد تلقّيها بالبريد أيضًا؟', mailYes: 'نعم، بالبريد', mailNo: 'لا، هنا فقط', mailOn: 'ستصلك بالبريد أيضًا. والتفضيلات تحدد أيّها.', mailOff: 'لن تصلك إلا هنا.', mailFailed: 'لم يُحفظ.',
};
