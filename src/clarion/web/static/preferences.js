// Clarion. Made of components/ 5c70033a4487d3e4; read those.
var o,r,p,x;function c(e){({h:o,icon:r,sheet:p,eachTick:x}=e)}var t=class{};export{t as View,c as use};
