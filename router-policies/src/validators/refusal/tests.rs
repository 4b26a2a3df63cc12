use super::super::words::words;
use super::{hedges, refuses};

#[test]
fn refusals_are_known_in_many_languages() {
    for text in [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I can’t assist with this request.",
        "I cannot provide medical advice.",
        "Unfortunately, I am unable to answer that.",
        "As an AI language model, I cannot access the internet.",
        "Sorry. I must decline.",
        "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen.",
        "Leider kann ich diese Frage nicht beantworten.",
        "Dabei kann ich dir leider nicht weiterhelfen.",
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Je ne suis pas en mesure de répondre.",
        "Lo siento, pero no puedo ayudarte con eso.",
        "Mi dispiace, non posso aiutarti.",
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, eu não consigo responder.",
        "Het spijt me, maar ik kan je daar niet mee helpen.",
        "Helaas kan ik u niet helpen.",
        "Przepraszam, ale nie mogę w tym pomóc.",
        "К сожалению, я не могу вам помочь.",
        "Üzgünüm, yardımcı olamam.",
        "很抱歉，我无法回答这个问题。",
        "对不起，我不能帮助你。",
        "申し訳ありませんが、お手伝いできません。",
        "죄송합니다. 도와드릴 수 없습니다.",
    ] {
        let words = words(text);
        assert!(refuses(&words), "{text}");
        assert!(hedges(&words), "{text}");
    }
}

#[test]
fn what_only_sounds_like_a_refusal_is_none() {
    for text in [
        "",
        "I'm sorry for your loss.",
        "I can't wait to help!",
        "Sorry to hear that; restart the router first.",
        "The manager cannot help you, the desk on floor 2 can.",
        "You can't provide a refund after 30 days.",
        "Ich kann Ihnen helfen, nicht nur heute.",
        "Leider ist der Zug abgefahren.",
        "No puedo creerlo.",
        "Je ne peux pas venir demain.",
        "我能帮助你。",
        "billing",
    ] {
        let words = words(text);
        assert!(!refuses(&words), "{text}");
        assert!(!hedges(&words), "{text}");
    }
}

#[test]
fn a_refusal_further_on_only_hedges() {
    for text in [
        "The first part is easy. I can't answer the second.",
        "It may be Rome, but I don't know.",
        "Vielleicht 12. Ich weiß es nicht.",
        "C'est peut-être Lyon, je ne sais pas.",
        "我不知道",
        "それはわかりません。",
    ] {
        let words = words(text);
        assert!(!refuses(&words), "{text}");
        assert!(hedges(&words), "{text}");
    }
}
